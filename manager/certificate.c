/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Certificates by GnuTLS: ECDSA over P-256, which every TLS library has. See certificate.h.
 */
#include "manager/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"

#define DAY_S 86400
#define AUTHORITY_LIFE_S (3650ll * DAY_S)
#define SERVER_LIFE_S (365ll * DAY_S)
#define FILE_MOST (64 << 10)

struct pair {
	gnutls_x509_crt_t certificate;
	gnutls_x509_privkey_t key;
};

static void pair_free(struct pair *pair)
{
	if (pair->certificate)
		gnutls_x509_crt_deinit(pair->certificate);
	if (pair->key)
		gnutls_x509_privkey_deinit(pair->key);
	*pair = (struct pair){0};
}

static int fail(const char *what, int code)
{
	log_error("certificate: %s: %s", what, gnutls_strerror(code));
	return -EIO;
}

/* ---- files */

static void path_of(const struct manager_options *options, const char *name, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%s", options->directory, name);
}

/* A whole file as text. Returns 0 or -errno. */
static int read_text(const char *path, char **out)
{
	size_t length;

	return file_read(path, FILE_MOST, out, &length);
}

static int save(const char *path, const gnutls_datum_t *text, mode_t mode)
{
	int error = file_write(path, text->data, text->size, mode);

	if (error)
		log_error("certificate %s: %s", path, strerror(-error));
	return error;
}

static int pair_save(const struct manager_options *options, const struct pair *pair, const char *name)
{
	gnutls_datum_t certificate = {0}, key = {0};
	char path[PATH_MAX], file[32];
	int code, error = 0;

	code = gnutls_x509_crt_export2(pair->certificate, GNUTLS_X509_FMT_PEM, &certificate);
	if (!code)
		code = gnutls_x509_privkey_export2(pair->key, GNUTLS_X509_FMT_PEM, &key);
	if (code)
		error = fail("export", code);
	/* The key first: a certificate whose key is not there is of no use to anybody. */
	snprintf(file, sizeof(file), "%s.key", name);
	path_of(options, file, path);
	if (!error)
		error = save(path, &key, 0600);
	snprintf(file, sizeof(file), "%s.pem", name);
	path_of(options, file, path);
	if (!error)
		error = save(path, &certificate, 0644);
	if (key.data)
		sodium_memzero(key.data, key.size);
	gnutls_free(certificate.data);
	gnutls_free(key.data);
	return error;
}

/* Returns 0; -ENOENT: one of the two is not there; -EBADMSG: they are not what they should be. */
static int pair_load(const struct manager_options *options, const char *name, struct pair *out)
{
	scope_free char *certificate = NULL, *key = NULL;
	char path[PATH_MAX], file[32];
	struct pair pair = {0};
	gnutls_datum_t datum;
	int code;

	snprintf(file, sizeof(file), "%s.pem", name);
	path_of(options, file, path);
	if (read_text(path, &certificate))
		return -ENOENT;
	snprintf(file, sizeof(file), "%s.key", name);
	path_of(options, file, path);
	if (read_text(path, &key))
		return -ENOENT;
	datum = (gnutls_datum_t){(unsigned char *)certificate, (unsigned)strlen(certificate)};
	code = gnutls_x509_crt_init(&pair.certificate);
	code = code ? code : gnutls_x509_crt_import(pair.certificate, &datum, GNUTLS_X509_FMT_PEM);
	code = code ? code : gnutls_x509_privkey_init(&pair.key);
	datum = (gnutls_datum_t){(unsigned char *)key, (unsigned)strlen(key)};
	code = code ? code : gnutls_x509_privkey_import(pair.key, &datum, GNUTLS_X509_FMT_PEM);
	sodium_memzero(key, strlen(key));
	if (code) {
		pair_free(&pair);
		fail(name, code);
		return -EBADMSG;
	}
	*out = pair;
	return 0;
}

/* ---- making */

static int pair_make(struct pair *pair, const char *name, long long life_s)
{
	uint8_t serial[16];
	time_t now = time(NULL);
	int code = gnutls_x509_privkey_init(&pair->key);

	randombytes_buf(serial, sizeof(serial));
	serial[0] &= 0x7f;
	serial[0] |= 0x40;
	code = code ? code
		    : gnutls_x509_privkey_generate(pair->key, GNUTLS_PK_ECDSA,
			      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	code = code ? code : gnutls_x509_crt_init(&pair->certificate);
	code = code ? code : gnutls_x509_crt_set_version(pair->certificate, 3);
	code = code ? code : gnutls_x509_crt_set_serial(pair->certificate, serial, sizeof(serial));
	code = code ? code : gnutls_x509_crt_set_activation_time(pair->certificate, now - 300);
	code = code ? code : gnutls_x509_crt_set_expiration_time(pair->certificate, now + life_s);
	code = code ? code : gnutls_x509_crt_set_key(pair->certificate, pair->key);
	return code ? code
		    : gnutls_x509_crt_set_dn_by_oid(pair->certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
			      (unsigned)strlen(name));
}

/* Its own key identifies a certificate (RFC 5280, 4.2.1.2), and that of `by` who signed it. */
static int pair_identify(struct pair *pair, const struct pair *by)
{
	unsigned char id[64];
	size_t length = sizeof(id);
	int code = gnutls_x509_crt_get_key_id(pair->certificate, 0, id, &length);

	code = code ? code : gnutls_x509_crt_set_subject_key_id(pair->certificate, id, length);
	length = sizeof(id);
	code = code ? code : gnutls_x509_crt_get_key_id(by->certificate, 0, id, &length);
	return code ? code : gnutls_x509_crt_set_authority_key_id(pair->certificate, id, length);
}

static int authority_make(const struct manager_options *options, struct pair *out)
{
	struct pair pair = {0};
	int code = pair_make(&pair, "ovnet manager authority", AUTHORITY_LIFE_S), error;

	code = code ? code : gnutls_x509_crt_set_basic_constraints(pair.certificate, 1, 0);
	code = code ? code
		    : gnutls_x509_crt_set_key_usage(pair.certificate, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	code = code ? code : pair_identify(&pair, &pair);
	code = code ? code : gnutls_x509_crt_sign2(pair.certificate, pair.certificate, pair.key, GNUTLS_DIG_SHA256, 0);
	error = code ? fail("authority", code) : pair_save(options, &pair, "ca");
	if (error) {
		pair_free(&pair);
		return error;
	}
	*out = pair;
	return 0;
}

/* The address of --listen without its port; "": everywhere. */
static void listen_name(const struct manager_options *options, char out[64])
{
	const char *begin = options->listen, *end = strrchr(options->listen, ':');

	*out = '\0';
	if (*begin == '[' && end > begin)
		begin++, end--;
	if (end > begin && (size_t)(end - begin) < 64)
		snprintf(out, 64, "%.*s", (int)(end - begin), begin);
}

static int name_add(gnutls_x509_crt_t certificate, const char *name)
{
	unsigned char octets[16];
	unsigned length = inet_pton(AF_INET, name, octets) == 1 ? 4 : inet_pton(AF_INET6, name, octets) == 1 ? 16 : 0;

	if (!*name)
		return 0;
	if (length)
		return gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, octets, length,
			GNUTLS_FSAN_APPEND);
	return gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
		GNUTLS_FSAN_APPEND);
}

/* The names under which the server is reached: those given, its address, this machine's name, and loopback. */
static int names_set(const struct manager_options *options, gnutls_x509_crt_t certificate)
{
	char host[256] = "", address[64];
	const char *const known[] = {"localhost", "127.0.0.1", "::1", address, host};
	int code = 0;

	gethostname(host, sizeof(host) - 1);
	listen_name(options, address);
	for (size_t i = 0; !code && i < ARRAY_LEN(known); i++)
		code = name_add(certificate, known[i]);
	for (size_t i = 0; !code && i < options->name_count; i++)
		code = name_add(certificate, options->names[i]);
	return code;
}

static int server_make(const struct manager_options *options, const struct pair *authority)
{
	struct pair pair = {0};
	int code = pair_make(&pair, "ovnet manager", SERVER_LIFE_S), error;

	code = code ? code : gnutls_x509_crt_set_basic_constraints(pair.certificate, 0, -1);
	code = code ? code : gnutls_x509_crt_set_key_usage(pair.certificate, GNUTLS_KEY_DIGITAL_SIGNATURE);
	code = code ? code : gnutls_x509_crt_set_key_purpose_oid(pair.certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
	code = code ? code : names_set(options, pair.certificate);
	code = code ? code : pair_identify(&pair, authority);
	code = code ? code
		    : gnutls_x509_crt_sign2(pair.certificate, authority->certificate, authority->key, GNUTLS_DIG_SHA256,
			      0);
	error = code ? fail("server", code) : pair_save(options, &pair, "server");
	pair_free(&pair);
	return error;
}

static bool has_name(gnutls_x509_crt_t certificate, const char *name)
{
	return !*name || gnutls_x509_crt_check_hostname(certificate, name);
}

/* Good for a third of its life yet, for every name, and signed by this authority. */
static bool server_is_good(const struct manager_options *options, const struct pair *authority)
{
	struct pair pair = {0};
	char address[64];
	bool good;

	if (pair_load(options, "server", &pair))
		return false;
	listen_name(options, address);
	good = gnutls_x509_crt_get_expiration_time(pair.certificate) > time(NULL) + SERVER_LIFE_S / 3 &&
	       gnutls_x509_crt_check_issuer(pair.certificate, authority->certificate) &&
	       has_name(pair.certificate, address);
	for (size_t i = 0; good && i < options->name_count; i++)
		good = has_name(pair.certificate, options->names[i]);
	pair_free(&pair);
	return good;
}

/* Makes in the directory what is not there. */
static int certificate_make(const struct manager_options *options)
{
	struct pair authority = {0};
	int error = pair_load(options, "ca", &authority);

	/* An authority that others trust already is never replaced by guessing. */
	if (error == -EBADMSG)
		return error;
	if (error == -ENOENT)
		error = authority_make(options, &authority);
	if (!error && !server_is_good(options, &authority))
		error = server_make(options, &authority);
	pair_free(&authority);
	return error;
}

/* ---- what is used */

int certificate_get(const struct manager_options *options, struct certificate *out)
{
	char certificate[PATH_MAX], key[PATH_MAX];
	struct certificate found = {0};
	int error = 0;

	if (options->certificate) {
		snprintf(certificate, sizeof(certificate), "%s", options->certificate);
		snprintf(key, sizeof(key), "%s", options->key);
	} else {
		error = certificate_make(options);
		path_of(options, "server.pem", certificate);
		path_of(options, "server.key", key);
	}
	if (error)
		return error;
	error = read_text(certificate, &found.chain);
	if (error)
		log_error("certificate %s: %s", certificate, strerror(-error));
	if (!error) {
		error = read_text(key, &found.key);
		if (error)
			log_error("certificate %s: %s", key, strerror(-error));
	}
	if (error) {
		certificate_free(&found);
		return error;
	}
	*out = found;
	return 0;
}

void certificate_free(struct certificate *certificate)
{
	if (certificate->key)
		sodium_memzero(certificate->key, strlen(certificate->key));
	free(certificate->key);
	free(certificate->chain);
	*certificate = (struct certificate){0};
}
