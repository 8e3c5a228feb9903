"""Real servers on loopback, one module a program; `base` starts, installs and stops them."""
