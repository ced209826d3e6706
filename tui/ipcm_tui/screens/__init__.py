"""The screens: what one works on, and what opens on top of it to ask or tell something."""
