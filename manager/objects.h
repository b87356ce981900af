/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects over HTTP: shown, listed, made, replaced, patched, deleted; and several at once (apply.c).
 */
#ifndef OVNET_MANAGER_OBJECTS_H
#define OVNET_MANAGER_OBJECTS_H

#include "manager/change.h"
#include "manager/http.h"
#include "manager/state.h"

/* As people see it: without what is secret, with its revision. */
cJSON *objects_render(const struct object *object);
/* {FIELD: {"before": ..., "after": ...}} of what differs; secrets by name alone. */
cJSON *objects_difference(const struct object *before, const struct object *after);

/* /v1/KINDS and /v1/KINDS/NAME, by method. `name` is as the path has it; "": the kind as a whole. */
void objects_handle(struct http_request *request, enum model_kind kind, const char *name);

/* POST /v1/apply, GET /v1/export */
void apply_handle(struct http_request *request);
void export_handle(struct http_request *request);

/*
 * If-Match of the request: "12", or * (0). `needed`: 428 without it; else it is then 0. Returns 0, or -EINVAL: an answer has been
 * given.
 */
int objects_if_match(struct http_request *request, bool needed, uint64_t *revision);

/* Of the request: "why" from its header, or from the query. Returns 0, or -EINVAL: an answer has been given. */
bool objects_is_why(const char *text);
int objects_why(struct http_request *request, char out[CHANGE_WHY_MAX + 1]);

#endif /* OVNET_MANAGER_OBJECTS_H */
