# Reads the arguments of `fetchModel`, without deriving anything:
#   { given; args; source; integrity; problems; }
# `args` is complete: every attribute that has a default is there. It may only be used, like `source`
# and `integrity`, where `problems` is empty.
given:
let
  inherit (builtins)
    attrNames
    filter
    isAttrs
    removeAttrs
    ;
  errors = import ../errors.nix;
  types = import ../types;
  readSource = import ./source.nix;
  readLock = import ./lockfile.nix;
  readIntegrity = import ./integrity.nix;
  arguments = types.record (import ../types/fetchModel.nix);

  # A lock file becomes the entry of `name`; an entry knows its source, which may then be left out.
  args =
    if !(given ? lock) then
      given
    else
      let
        entry = if isAttrs given.lock then given.lock else lockedModel given.lock (given.name or "");
      in
      { source = entry.source or { }; } // given // { lock = entry; };
  lockedModel =
    file: name:
    let
      inherit (readLock file) models;
    in
    models.${name} or (errors.refuse "fetchModel" [ (errors.lockName (toString file) name (attrNames models)) ]);

  source = readSource args;
  integrity = readIntegrity { inherit args source; };

  # What the specification has and this version does not.
  unavailable =
    if (args.quantize or { }).enable or false == true then
      [
        (errors.notHere "quantize.enable" "this version brings no quantizer" "run one as a step of your own: transform.steps = [ { name = \"…\"; command = \"… $src $out\"; } ];")
      ]
    else
      [ ];

  # Whose signature counts is said in one way, and an identity in full.
  badSigner =
    let
      signature = (args.security or { }).signature or { };
      given = filter (name: signature ? ${name} && signature.${name} != [ ]) [
        "publicKey"
        "certificates"
        "identity"
      ];
      lacks = filter (name: !(signature ? ${name})) [
        "issuer"
        "trustRoot"
      ];
    in
    # Nothing in it is nothing asked, as where a module writes the default out.
    if signature == { } then
      [ ]
    else if builtins.length given != 1 then
      [ (errors.signers given) ]
    else if given == [ "identity" ] && lacks != [ ] then
      [ (errors.identityAlone lacks) ]
    else
      [ ];

  # What a lock says of its source must be what the call says.
  otherSource =
    let
      locked = readSource { source = args.lock.source or { }; };
    in
    if (args.lock or { }) ? source && locked.problems == [ ] && locked.reference != source.reference then
      [ (errors.lockMismatch locked.reference source.reference) ]
    else
      [ ];
in
{
  inherit given source integrity;
  args = arguments.fill args;
  problems =
    if !isAttrs given then
      [ (errors.illTyped "argument" "an attribute set" "{ source = …; hash = …; }" given) ]
    else
      arguments.check "" (removeAttrs args source.taken)
      ++ source.problems
      ++ unavailable
      ++ badSigner
      ++ (if source.problems == [ ] then integrity.problems ++ otherSource else [ ]);
}
