/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All of the contract between kernel and user space, in the order in which the headers need each other.
 */
#ifndef OVNET_MAPS_MAPS_H
#define OVNET_MAPS_MAPS_H

#include "common.h"
#include "reason.h"
#include "port.h"
#include "counter.h"
#include "rule.h"
#include "session.h"
#include "mapping.h"
#include "nexthop.h"
#include "event.h"
#include "pending.h"
#include "question.h"
#include "control.h"
#include "identity.h"
#include "waiting.h"

#endif /* OVNET_MAPS_MAPS_H */
