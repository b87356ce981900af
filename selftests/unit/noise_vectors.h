/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public test vector of Noise_IK_25519_ChaChaPoly_BLAKE2b, as the cacophony project publishes it: values only, from
 * vectors/cacophony.txt of github.com/haskell-cryptography/cacophony (commit 36c1e5c3a799).
 *
 * Messages go initiator to responder and back in turn; the first two are the handshake, the rest is transport.
 */
#ifndef OVNET_SELFTESTS_NOISE_VECTORS_H
#define OVNET_SELFTESTS_NOISE_VECTORS_H

static const char vector_prologue[] = "4a6f686e2047616c74";
static const char vector_init_static[] = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
static const char vector_init_ephemeral[] = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
static const char vector_init_remote_static[] = "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
static const char vector_resp_static[] = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
static const char vector_resp_ephemeral[] = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";

static const struct {
	const char *payload, *ciphertext;
} vector_messages[] = {
	{"4c756477696720766f6e204d69736573", "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
					     "ba83a447b38c83e327ad936929812f624884847b7831e95e197b2f797088efdd"
					     "2f88f1db7e1fb0e99c64419097af91cee64e470f4b6fcd9298ce0b56fe20f86e"
					     "13bf70439c538e3602a7127af71a29cc"},
	{"4d757272617920526f746862617264", "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
					   "9f069b267a06b3de3ecb1043bcb098e9af91d9c64748d998c7b47890871571"},
	{"462e20412e20486179656b", "cd54383060e7a28434cca27fb1cc524cfbabeb18181589df219d07"},
	{"4361726c204d656e676572", "a856d3bf0246bfc476c655009cd1ed677b8dcc5b349ae8ef2a05f2"},
	{"4a65616e2d426170746973746520536179", "49063084b2c51f098337cb8a13739ac848f907e67cfb2cc8a8b60586467aa02fc7"},
	{"457567656e2042f6686d20766f6e2042617765726b",
		"8b9709d23b47e4639df7678d7a21741eba4ef1e9c60383001c7435549c20f9d56f30e935d3"},
};

#endif /* OVNET_SELFTESTS_NOISE_VECTORS_H */
