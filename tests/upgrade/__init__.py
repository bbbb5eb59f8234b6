"""A grove that an earlier release has worked on, taken over by this one."""
