/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pins: names and directories of one instance in bpffs. Knows no program and no map.
 */
#ifndef OVNET_LOADER_PIN_H
#define OVNET_LOADER_PIN_H

#define PIN_PATH_MAX 256

/* What an instance pins, each kind in a directory of its own. */
#define PIN_MAPS "maps"
#define PIN_PROGRAMS "progs"
#define PIN_LINKS "links"

/*
 * Writes the path of a pin: /sys/fs/bpf/ovnet/<instance>/<kind>/<name>. In instance and name a dot is written %2e,
 * because bpffs refuses names with dots. Without name (NULL), the directory of the kind; without kind too, that of the
 * instance.
 * Returns 0; -EINVAL: an empty part, or one with a slash or percent sign; -ENAMETOOLONG. `path` is undefined then.
 */
int pin_path(char path[PIN_PATH_MAX], const char *instance, const char *kind, const char *name);

/* Sees to it that bpffs is at /sys/fs/bpf; mounts it when it is not, and says so. Returns 0 or -errno; logged. */
int pin_mount(void);

/* Makes the directories of an instance, readable by root only; what is there is kept. Returns 0 or -errno; logged. */
int pin_make_directories(const char *instance);

/* Removes those directories of an instance that are empty. */
void pin_remove_directories(const char *instance);

/* Removes a pin; one that is not there is as good. Returns 0 or -errno. */
int pin_remove(const char *path);

/*
 * Calls fn for each pin of a kind: its path, and its name as pin_path() was given it. fn may remove pins.
 * Returns 0, also when the instance has none; the last failure of fn; or -errno.
 */
int pin_each(const char *instance, const char *kind, int (*fn)(void *context, const char *path, const char *name),
	void *context);

#endif /* OVNET_LOADER_PIN_H */
