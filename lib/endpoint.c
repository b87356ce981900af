/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See endpoint.h.
 */
#include "lib/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static int parse_port(const char *text, in_port_t *out)
{
	unsigned long port;
	char *end;

	if (*text < '1' || *text > '9')
		return -EINVAL;
	port = strtoul(text, &end, 10);
	if (*end || port > 65535)
		return -EINVAL;
	*out = htons((in_port_t)port);
	return 0;
}

int endpoint_parse(const char *text, struct sockaddr_storage *out, socklen_t *length)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN] = "";
	size_t size;
	in_port_t port;

	if (!colon || parse_port(colon + 1, &port))
		return -EINVAL;
	size = (size_t)(colon - text);
	if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
		if (size - 2 >= sizeof(host))
			return -EINVAL;
		memcpy(host, text + 1, size - 2);
		if (inet_pton(AF_INET6, host, &six.sin6_addr) != 1)
			return -EINVAL;
	} else if (size) {
		if (size >= sizeof(host))
			return -EINVAL;
		memcpy(host, text, size);
		if (inet_pton(AF_INET, host, &four.sin_addr) != 1)
			return -EINVAL;
		four.sin_port = port;
		memset(out, 0, sizeof(*out));
		memcpy(out, &four, sizeof(four));
		*length = sizeof(four);
		return 0;
	}
	six.sin6_port = port;
	memset(out, 0, sizeof(*out));
	memcpy(out, &six, sizeof(six));
	*length = sizeof(six);
	return 0;
}
