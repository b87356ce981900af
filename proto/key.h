/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys in files: a host's X25519 key and an authority's Ed25519 key, each one line of text.
 *
 *   ovnet-host-key BASE64        (32 octets, secret)
 *   ovnet-authority-key BASE64   (32 octets, the seed)
 * Public keys are plain base64 of 32 octets (44 characters).
 */
#ifndef OVNET_PROTO_KEY_H
#define OVNET_PROTO_KEY_H

#include <stdint.h>

#define KEY_TEXT_MAX 48 /* base64 of 32 octets, with the terminator */

struct host_key {
	uint8_t secret[32], public_key[32];
};

struct authority_key {
	uint8_t secret[64], public_key[32]; /* libsodium's forms */
};

enum key_kind { KEY_HOST, KEY_AUTHORITY };

/* libsodium's start; call once before anything in proto/. Returns 0 or -ENOSYS. */
int key_library(void);

/*
 * Makes a new key and writes it to `path`, mode 0600, only if nothing is there (link, not rename). Returns 0 and the public key's
 * text; -EEXIST; or -errno of the file system. Nothing is left behind on failure.
 */
int key_create(const char *path, enum key_kind kind, char public_text[KEY_TEXT_MAX]);

/*
 * Reads a key. Returns 0; -EBADMSG: not such a key; -EPERM: others than its owner may read the file (mode & 077); or -errno.
 * *kind (may be NULL) is what it is; one of the two outputs is filled, by kind; either may be NULL when it is not wanted
 * (-EBADMSG then).
 */
int key_read(const char *path, enum key_kind *kind, struct host_key *host, struct authority_key *authority);

void key_format(const uint8_t public_key[32], char text[KEY_TEXT_MAX]);
/* Returns 0, or -EINVAL when the text is not exactly one public key. */
int key_parse(const char *text, uint8_t public_key[32]);

#endif /* OVNET_PROTO_KEY_H */
