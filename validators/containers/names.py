"""Names of members, as a program that unpacks them understands them."""


def leaves(path: str) -> bool:
    """Whether a path leads out of the directory that an archive is unpacked to."""
    return (
        path.startswith(("/", "\\"))
        or ".." in path.replace("\\", "/").split("/")
        or path[1:2] == ":"
    )
