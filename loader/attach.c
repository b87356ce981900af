// SPDX-License-Identifier: BSD-2-Clause
/*
 * Attaching: which program belongs to which hook and under which name its link is pinned. How is link.c's.
 */
#include "loader/loader.h"

#include <errno.h>
#include <string.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "lib/error.h"
#include "lib/log.h"
#include "loader/internal.h"

#define HOOK_WORD_MAX 16

static const char *const words[LOADER_HOOKS] = {
	[LOADER_NODE] = "node",
	[LOADER_GUARD] = "guard",
	[LOADER_UPLINK_TC] = "uplink-tc",
	[LOADER_INJECT] = "inject",
	[LOADER_UPLINK_XDP] = "uplink-xdp",
};

static const struct link_ops *attach_ops(const struct loader *loader, enum loader_hook hook)
{
	return hook == LOADER_UPLINK_XDP ? &link_xdp : loader->tc;
}

static int attach_pin(char path[PIN_PATH_MAX], const struct loader *loader, enum loader_hook hook,
	const char *interface)
{
	char name[IF_NAMESIZE + HOOK_WORD_MAX];

	if (strlen(interface) >= IF_NAMESIZE)
		return -ENAMETOOLONG;
	snprintf(name, sizeof(name), "%s-%s", interface, words[hook]);
	return pin_path(path, loader->instance, PIN_LINKS, name);
}

/* Takes "<interface>-<hook>" apart; no hook's word with its dash ends in another's. */
static bool attach_parse(const char *name, char interface[IF_NAMESIZE], enum loader_hook *hook)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < LOADER_HOOKS; i++) {
		size_t word = strlen(words[i]);
		size_t rest = length - word - 1;

		if (length <= word + 1 || rest >= IF_NAMESIZE || name[rest] != '-' || strcmp(name + rest + 1, words[i]))
			continue;
		memcpy(interface, name, rest);
		interface[rest] = '\0';
		*hook = i;
		return true;
	}
	return false;
}

int loader_attach(struct loader *loader, enum loader_hook hook, const char *interface, unsigned int ifindex,
	enum loader_xdp *mode)
{
	const struct link_ops *ops = attach_ops(loader, hook);
	char pin[PIN_PATH_MAX], present[IF_NAMESIZE];
	enum loader_xdp found = LOADER_XDP_GENERIC;
	int error = attach_pin(pin, loader, hook, interface);

	/* XDP alone would say -EINVAL. */
	if (!error && !if_indextoname(ifindex, present))
		error = -ENODEV;
	if (!error) {
		error = ops->replace(loader->program[hook], hook, ifindex, pin);
		if (error == -ENOENT) {
			error = link_detach(pin);
			if (!error)
				error = ops->attach(loader->program[hook], hook, ifindex, pin);
		}
	}
	if (!error && hook == LOADER_UPLINK_XDP)
		error = link_xdp_mode(ifindex, &found);
	if (error) {
		log_error("loader %s %s: cannot attach: %s", interface, words[hook], strerror(-error));
		return error;
	}
	if (mode && hook == LOADER_UPLINK_XDP)
		*mode = found;
	log_debug("loader %s %s: attached", interface, words[hook]);
	return 0;
}

/*
 * Software devices: what they hand over comes from this machine, its checksums left to hardware that never sees it.
 * An interface whose driver is not known may be one.
 */
bool loader_xdp_is_native(struct loader *loader, const char *interface, unsigned int ifindex)
{
	static const char *const software[] = {"veth", "tun", "bridge", "bonding", "team", "macvlan", "vxlan", "netkit",
		"dummy", "ifb"};
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ifreq request = {.ifr_data = (void *)&driver};
	scope_close int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	enum loader_xdp mode;

	(void)loader;
	if (control < 0 || strlen(interface) >= sizeof(request.ifr_name))
		return false;
	strcpy(request.ifr_name, interface);
	if (ioctl(control, SIOCETHTOOL, &request))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(software); i++)
		if (!strcmp(driver.driver, software[i]))
			return false;
	return link_xdp_mode(ifindex, &mode) || mode == LOADER_XDP_NATIVE;
}

int loader_detach(struct loader *loader, enum loader_hook hook, const char *interface)
{
	char pin[PIN_PATH_MAX];
	int error = attach_pin(pin, loader, hook, interface);

	return error ? error : link_detach(pin);
}

struct attach_visit {
	void (*fn)(void *context, enum loader_hook hook, const char *interface, unsigned int ifindex);
	void *context;
};

static int attach_visit(void *context, const char *path, const char *name)
{
	const struct attach_visit *visit = context;
	char interface[IF_NAMESIZE];
	enum loader_hook hook;

	if (attach_parse(name, interface, &hook))
		visit->fn(visit->context, hook, interface, link_ifindex(hook, path));
	return 0;
}

int loader_each_link(const char *instance,
	void (*fn)(void *context, enum loader_hook hook, const char *interface, unsigned int ifindex), void *context)
{
	struct attach_visit visit = {fn, context};

	return pin_each(instance, PIN_LINKS, attach_visit, &visit);
}
