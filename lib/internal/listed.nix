# A set of things as a list, and a list as it is.
things: if builtins.isList things then things else builtins.attrValues things
