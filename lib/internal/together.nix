# The variables of several models: each one's own, and one Hugging Face cache for all that have one.
#
# NB: HF_HUB_CACHE and not HF_HOME, below which clients also keep tokens and the modules that
# `trust_remote_code` unpacks; those stay where the user has them.
{ lib, models }:
let
  inherit (builtins)
    all
    filter
    foldl'
    length
    head
    ;
  listed = import ./listed.nix models;
  cached = filter (model: model ? hub) listed;
  offline = if all (model: model.offlineMode) cached then "1" else "0";
  hub =
    if cached == [ ] then
      { }
    else
      {
        HF_HUB_CACHE =
          if length cached == 1 then dirOf (head cached).hub else (lib.mkHfCache cached).hub;
        HF_HUB_OFFLINE = offline;
        TRANSFORMERS_OFFLINE = offline;
        HF_DATASETS_OFFLINE = offline;
      };
in
foldl' (all: model: all // model.variables) hub listed
