#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a command as a unit of systemd would confine it, where no systemd runs.

usage: confine.py UNIT [--without CAPABILITY] [--as USER] [--instead OPTION=VALUE]... COMMAND...

Of the unit's [Service]: CapabilityBoundingSet, NoNewPrivileges, ProtectSystem=strict, ProtectKernelTunables, ProtectHome,
ReadWritePaths, StateDirectory, RestrictAddressFamilies, RestrictNamespaces, SystemCallFilter (groups as systemd-analyze knows them), MemoryDenyWriteExecute,
LimitNOFILE, UMask. Any other option of the sandbox is not applied.
"""
import ctypes
import errno
import os
import pwd
import resource
import subprocess
import sys

import seccomp

CLONE_NEWNS = 0x20000
PR_SET_NO_NEW_PRIVS = 38
NAMESPACES = 0x7E020080
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16, "AF_PACKET": 17}
libc = ctypes.CDLL(None, use_errno=True)


def service_of(path):
    """The options of [Service], each with the list of its values: an empty one takes back those before it."""
    options, section = {}, ""
    for line in open(path):
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            options.setdefault(name, []).append(value)
    return options


def words(options, name):
    return " ".join(options.get(name, [])).split()


def is_on(options, name):
    return options.get(name, ["no"])[-1] == "yes"


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def mounts():
    return [line.split()[4].replace("\\040", " ") for line in open("/proc/self/mountinfo")]


def below(path, roots):
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)


def read_only(wanted):
    for path in reversed(mounts()):
        if wanted(path):
            subprocess.run(["mount", "-o", "remount,bind,ro", path], check=False, stderr=subprocess.DEVNULL)


def confine_files(options):
    states = ["/var/lib/" + name for name in words(options, "StateDirectory")]
    writable = words(options, "ReadWritePaths") + [path for path in states if os.path.isdir(path)]
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("--make-rprivate", "/")
    for path in writable:
        mount("--rbind", path, path)
    if is_on(options, "ProtectKernelTunables"):
        mount("--bind", "/proc/sys", "/proc/sys")
        for path in writable:
            if below(path, ["/proc/sys"]):
                mount("--bind", path, path)
        read_only(lambda path: below(path, ["/proc/sys", "/sys"]) and not below(path, writable))
    if options.get("ProtectSystem") == ["strict"]:
        read_only(lambda path: not below(path, ["/dev", "/proc", "/sys"]) and not below(path, writable))
    if is_on(options, "ProtectHome"):
        mount("-t", "tmpfs", "-o", "ro,mode=000", "tmpfs", "/root")


def syscalls_of(group):
    if not group.startswith("@"):
        return {group}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True, capture_output=True, text=True).stdout
    found = set()
    for line in listed.splitlines()[1:]:
        word = line.split("#")[0].strip()
        if word:
            found |= syscalls_of(word)
    return found


def allowed_syscalls(options):
    # What systemd itself needs to start a program is always allowed.
    allowed = syscalls_of("@default")
    for line in options["SystemCallFilter"]:
        named = set().union(*(syscalls_of(word) for word in line.lstrip("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed | {"execve", "exit", "exit_group"}


def confine_syscalls(options):
    refuse = seccomp.ERRNO(errno.EPERM)
    rules = seccomp.SyscallFilter(refuse)
    allowed = allowed_syscalls(options)
    plain = allowed - {"socket", "mmap", "mprotect", "clone", "clone3", "unshare", "setns"}
    for name in sorted(plain):
        try:
            rules.add_rule(seccomp.ALLOW, name)
        except RuntimeError:
            pass  # not of this architecture
    for family in words(options, "RestrictAddressFamilies"):
        rules.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, FAMILIES[family]))
    write_execute = 2 | 4 if is_on(options, "MemoryDenyWriteExecute") else 0
    for bits in (0, 2, 4) if write_execute else (0,):
        rules.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, write_execute, bits))
    rules.add_rule(seccomp.ALLOW, "mprotect", seccomp.Arg(2, seccomp.MASKED_EQ, 4 if write_execute else 0, 0))
    rules.add_rule(seccomp.ALLOW, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, NAMESPACES, 0))
    # So that the C library falls back to clone, whose flags can be looked at. systemd does the same.
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    rules.load()


def confine_capabilities(options, without):
    kept = [name for name in words(options, "CapabilityBoundingSet") if name != without]
    numbers = capability_numbers()
    for name, number in numbers.items():
        if name not in kept and libc.prctl(24, number, 0, 0, 0) and ctypes.get_errno() != errno.EINVAL:
            raise OSError(ctypes.get_errno(), "bounding set")


def capability_numbers():
    names = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST
        NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE
        SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND
        AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE""".split()
    return {"CAP_" + name: number for number, name in enumerate(names)}


def main():
    unit, command, without, user = sys.argv[1], sys.argv[2:], None, None
    options = service_of(unit)
    while command[0] in ("--without", "--instead", "--as"):
        if command[0] == "--without":
            without = command[1]
        elif command[0] == "--as":
            user = pwd.getpwnam(command[1])
        else:
            name, _, value = command[1].partition("=")
            options[name] = [value]
        command = command[2:]
    files = int(options["LimitNOFILE"][-1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    os.umask(int(options["UMask"][-1], 8))
    confine_files(options)
    confine_capabilities(options, without)
    if user:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1 if is_on(options, "NoNewPrivileges") else 0, 0, 0, 0)
    confine_syscalls(options)
    os.execv(command[0], command)


main()
