/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of docs/api.yaml that no table has: its head, and the schemas of what is no object of a kind.
 */
#ifndef OVNET_MODEL_OPENAPI_H
#define OVNET_MODEL_OPENAPI_H

extern const char openapi_head[];       /* up to the paths */
extern const char openapi_components[]; /* after them, up to the schemas */
extern const char openapi_schemas[];    /* after those of the kinds */
extern const char openapi_explain[];    /* after those, of what explains */

#endif /* OVNET_MODEL_OPENAPI_H */
