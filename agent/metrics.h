/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent's figures for Prometheus: written from what is counted anyway, served over HTTP where the configuration says so
 * ("metrics"), and over the control socket (`ovnetctl metrics`). Nothing here walks a table of the kernel.
 */
#ifndef OVNET_AGENT_METRICS_H
#define OVNET_AGENT_METRICS_H

#include <stdio.h>

#include "agent/agent.h"

/* All of them (lib/exposition.h). What is out of memory is missing. */
void metrics_write(struct agent *agent, FILE *out);
/* metrics_negotiation.c: those of who negotiates. */
void metrics_write_negotiation(struct agent *agent, FILE *out);

/* ---- metrics_listen.c */

/*
 * Serves GET /metrics as the configuration says, also after it has changed. What cannot be served is logged, and no reason to carry no
 * packets; it is tried again at the next reload.
 */
void metrics_listen(struct agent *agent);
void metrics_close(struct agent *agent);

#endif /* OVNET_AGENT_METRICS_H */
