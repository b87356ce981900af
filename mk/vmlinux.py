#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Trim a kernel's types to those that ovnet's BPF programs name.

Reads the C dump of a kernel's BTF on standard input, writes vmlinux.h on standard output: each type in
ROOTS and all that it needs, in the order of the dump. Only types of the kernel's stable interface are in
ROOTS (wire headers, program contexts, map types, return codes), so that one vmlinux.h serves every kernel of the
matrix without CO-RE relocations. Run it through `make vmlinux.h`.
"""
import re
import sys

ROOTS = """
__u8 __u16 __u32 __u64 __s8 __s16 __s32 __s64 __be16 __be32 __be64 __sum16 __wsum
bpf_map_type bpf_adj_room_mode xdp_action __sk_buff xdp_md ethhdr iphdr ipv6hdr in6_addr tcphdr udphdr icmphdr arphdr bool
""".split()
# Enumerations without a name are taken when they hold one of these.
ENUMERATORS = """
false BPF_ANY BPF_F_RECOMPUTE_CSUM BPF_F_PSEUDO_HDR BPF_F_MMAPABLE BPF_F_ADJ_ROOM_FIXED_GSO
""".split()
HEADER = """/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel types that the BPF programs use, and no others. Generated; do not edit.
 *   bpftool btf dump file /sys/kernel/btf/vmlinux format c | mk/vmlinux.py > vmlinux.h
 * (that is `make vmlinux.h`, on a machine whose kernel has BTF).
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__
"""


def declarations(text):
    """Yield the top-level declarations of a dump, each whole."""
    depth, start = 0, 0
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    for i, c in enumerate(text):
        if c == "{":
            depth += 1
        elif c == "}":
            depth -= 1
        elif c == ";" and depth == 0:
            yield text[start:i + 1].strip()
            start = i + 1


def names(decl):
    """The names under which a declaration may be asked for."""
    m = re.match(r"(struct|union|enum)\s+(\w+)\s*\{", decl)
    if m:
        return [m.group(2)]
    if decl.startswith("enum {"):
        return [e for e in ENUMERATORS if re.search(r"\b%s\b" % e, decl)]
    if decl.startswith("typedef"):
        m = re.search(r"\(\*(\w+)\)", decl) or re.search(r"(\w+)(\[\w*\])?;$", decl)
        return [m.group(1)] if m else []
    return []


def main():
    decls = list(declarations(sys.stdin.read()))
    home = {}
    for i, d in enumerate(decls):
        for n in names(d):
            home.setdefault(n, i)
    wanted, todo = set(), ROOTS + ENUMERATORS
    while todo:
        i = home.get(todo.pop())
        if i is None or i in wanted:
            continue
        wanted.add(i)
        body = decls[i]
        if body.startswith("enum"):
            continue
        # What is only pointed at stays an incomplete type; a member's own name is not a type.
        body = re.sub(r"(struct|union)\s+\w+\s*\*", "", body)
        body = re.sub(r"\w+(\[\w+\])*(\s*:\s*\d+)?;", ";", body) if "{" in body else body
        todo += re.findall(r"\w+", body)
    print(HEADER)
    for i in sorted(wanted):
        print(decls[i] + "\n")
    print("#endif /* __VMLINUX_H__ */")


main()
