"""Reading pickles as an unpickler does, without running anything of them."""
