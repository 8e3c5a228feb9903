# Settings of systemd units that the NixOS module makes.
rec {
  # Nothing that a program of ours needs is missing, and nothing else is left.
  hardening = {
    CapabilityBoundingSet = "";
    DevicePolicy = "closed";
    LockPersonality = true;
    MemoryDenyWriteExecute = true;
    NoNewPrivileges = true;
    PrivateDevices = true;
    PrivateMounts = true;
    PrivateTmp = true;
    ProcSubset = "pid";
    ProtectClock = true;
    ProtectControlGroups = true;
    ProtectHome = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    ProtectProc = "invisible";
    ProtectSystem = "strict";
    RemoveIPC = true;
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    SystemCallArchitectures = "native";
    # Refused and not killed: Nix asks for a larger stack, and does without.
    SystemCallErrorNumber = "EPERM";
    UMask = "0022";
  };

  # Makes links as root, which owns them, without a network.
  link = directories: hardening // {
    Type = "oneshot";
    RemainAfterExit = true;
    # Giving the directory to a group, and nothing else of root's powers.
    CapabilityBoundingSet = "CAP_CHOWN";
    IPAddressDeny = "any";
    PrivateNetwork = true;
    ReadWritePaths = directories;
    RestrictAddressFamilies = "none";
    StateDirectory = "nix-ai-models";
    SystemCallFilter = [
      "@system-service"
      "~@resources"
    ];
  };

  # Fetches as a user of its own, again and again until it is done.
  fetch = name: hardening // {
    Type = "oneshot";
    RemainAfterExit = true;
    DynamicUser = true;
    PrivateUsers = true;
    StateDirectory = "ai-models/${name}";
    CacheDirectory = "ai-models-fetch/${name}";
    RestrictAddressFamilies = [
      "AF_INET"
      "AF_INET6"
      "AF_UNIX"
    ];
    SystemCallFilter = [
      "@system-service"
      "~@privileged @resources"
    ];
    TimeoutStartSec = "infinity";
    Restart = "on-failure";
    RestartSec = 30;
  };
}
