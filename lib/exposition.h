/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text format by which Prometheus reads figures (exposition format 0.0.4): a family's head, then its series.
 *
 * Names and units as it asks: a counter ends in _total, a time is in seconds, a size in bytes. All series of a family stand together.
 */
#ifndef OVNET_LIB_EXPOSITION_H
#define OVNET_LIB_EXPOSITION_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition_label {
	const char *name;
	const char *value; /* whatever it holds: it is escaped */
};

/* `type` is counter, gauge or histogram. `help` is escaped. */
void exposition_head(FILE *out, const char *name, const char *type, const char *help);
/* One series. `suffix` (may be "") follows the name. */
void exposition_series(FILE *out, const char *name, const char *suffix, const struct exposition_label *labels,
	size_t count, uint64_t value);
/* A family of one series without labels. */
void exposition_one(FILE *out, const char *name, const char *type, const char *help, uint64_t value);
void exposition_seconds(FILE *out, const char *name, const char *help, double value); /* a gauge */

#endif /* OVNET_LIB_EXPOSITION_H */
