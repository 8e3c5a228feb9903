# Reads a lock file, or says which version it has and what to run.
path:
let
  errors = import ../errors.nix;
  data = builtins.fromJSON (builtins.readFile path);
in
if data.version or null == 1 then
  data
else
  errors.refuse "readLock" [ (errors.lockVersion (data.version or null) (toString path)) ]
