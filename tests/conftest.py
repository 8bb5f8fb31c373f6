from hypothesis import settings

# The same examples each time, however slow the machine is.
settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.load_profile("reproducible")
