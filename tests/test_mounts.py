"""What mountinfo tells of a place in a container: which mount it is on, and how long it keeps what is written."""

from __future__ import annotations

import pytest

from orac_bench.mounts import Kept, Mount, kept, mount_of, mounts

NAMELESS = "0123456789abcdef" * 4
CONTAINER = f"""\
601 500 0:75 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d
602 601 0:78 / /proc rw,nosuid - proc proc rw
603 601 259:1 /home/toby/ORAC/models/gguf /models/gguf ro,relatime master:1 - ext4 /dev/nvme0n1p1 rw
604 601 259:1 /var/lib/docker/volumes/orac-results/_data /app/results rw,relatime - ext4 /dev/nvme0n1p1 rw
605 601 259:1 /var/lib/docker/volumes/{NAMELESS}/_data /var/lib/orac rw,relatime - ext4 /dev/nvme0n1p1 rw
606 601 0:99 / /run/lock rw,nosuid - tmpfs tmpfs rw,size=65536k
"""
"""As Docker writes it for a bind mount, a named volume, a nameless one and a tmpfs."""


def test_each_mount_is_read_with_its_place_on_the_host_s_disk() -> None:
    found = mounts(CONTAINER)
    assert len(found) == 6
    assert found[2] == Mount(
        point="/models/gguf", origin="/home/toby/ORAC/models/gguf", filesystem="ext4", read_only=True
    )


@pytest.mark.parametrize(
    ("path", "how"),
    [
        ("/app/results", Kept.LASTING),
        ("/app/results/orac.db", Kept.LASTING),
        ("/app/resultsold", Kept.INSIDE),
        ("/var/lib/orac", Kept.NAMELESS),
        ("/run/lock/orac", Kept.MEMORY),
        ("/app", Kept.INSIDE),
    ],
)
def test_how_long_a_place_keeps_what_is_written(path: str, how: Kept) -> None:
    assert kept(path, mounts(CONTAINER)) is how


@pytest.mark.parametrize(
    ("root", "how"),
    [
        ("1 0 254:0 / / rw - ext4 /dev/vda rw", None),  # a machine's own disk
        ("1 0 254:0 /var/lib/containers/storage/vfs/dir/ab / rw - ext4 /dev/vda rw", Kept.INSIDE),
        ("1 0 0:80 / / rw - fuse.fuse-overlayfs fuse-overlayfs rw", Kept.INSIDE),
        ("", None),
        ("this is no mount", None),
        ("1 0 254:0 / / rw - ext4", None),
    ],
)
def test_a_root_is_a_container_s_where_it_is_made_of_layers_or_a_folder_of_a_disk(root: str, how: Kept | None) -> None:
    assert kept("/app/results", mounts(root)) is how


def test_of_two_mounts_in_one_place_the_last_one_counts() -> None:
    twice = "1 0 8:1 / /data rw - ext4 /dev/sda1 rw\n2 0 8:2 /b /data ro - ext4 /dev/sdb1 rw"
    found = mount_of("/data/x", mounts(twice))
    assert found == Mount(point="/data", origin="/b", filesystem="ext4", read_only=True)


def test_a_blank_in_a_name_is_read_and_a_read_only_disk_counts_as_its_mount() -> None:
    (found,) = mounts(
        r"1 0 8:1 /my\040models /models\134gguf rw,noatime shared:3 master:7 - ext4 /dev/sda1 ro,errors=x"
    )
    assert found == Mount(point="/models\\gguf", origin="/my models", filesystem="ext4", read_only=True)
