/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every hook's program includes first: the kernel's types, the helpers, the maps, the packet.
 */
#ifndef OVNET_BPF_PROGRAM_H
#define OVNET_BPF_PROGRAM_H

#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps/maps.h"

#include "bpf/lib/config.h"
#include "bpf/lib/wire.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/drop.h"
#include "bpf/lib/port.h"

#endif /* OVNET_BPF_PROGRAM_H */
