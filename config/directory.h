/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A directory in a file of its own: the entries "hosts" and "mappings" of ovnet.json, for a whole site, looked up one by one
 * ("resolve" in ovnet.json(5)). Read and checked whole, like the configuration.
 *
 * It may name vnets and groups that this host does not have: vnets are left out, and what is in a group that no policy here names
 * is so all the same.
 */
#ifndef OVNET_CONFIG_DIRECTORY_H
#define OVNET_CONFIG_DIRECTORY_H

#include "config/config.h"

struct config_directory;

/* Reads the file for a configuration, which is only looked at now. Returns 0 or an error as config_load(). */
int config_directory_load(const char *path, const struct config *config, config_report_fn report, void *context,
	struct config_directory **out);
/* The same of content in memory; `name` is what messages call the file. */
int config_directory_parse(const char *text, size_t length, const char *name, const struct config *config,
	config_report_fn report, void *context, struct config_directory **out);
void config_directory_free(struct config_directory *directory); /* NULL is allowed */

/* Where an address is, and who; or NULL. */
const struct config_mapping *config_directory_mapping(const struct config_directory *directory, uint32_t vni,
	struct ipv4 address);
/* The host with exactly this locator, or NULL. */
const struct config_host *config_directory_host(const struct config_directory *directory,
	const struct locator *locator);

/* All hosts, by locator; and how many there are. */
const struct config_host *config_directory_hosts(const struct config_directory *directory, size_t *count);
/* All mappings, by vnet and address; and how many there are. */
const struct config_mapping *config_directory_mappings(const struct config_directory *directory, size_t *count);

#endif /* OVNET_CONFIG_DIRECTORY_H */
