// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"math/big"
	"os"
	"slices"

	"github.com/parallaxsecond/parsec-client-go/interface/auth"
	"github.com/parallaxsecond/parsec-client-go/interface/requests"
	"github.com/parallaxsecond/parsec-client-go/parsec"
	"github.com/parallaxsecond/parsec-client-go/parsec/algorithm"
)

// core: discovery, and keys that nobody has.  False: nothing answers, go no further.
func (t *tester) core() bool {
	major, minor, err := t.client.Ping()
	if !t.expect("ping", success, err) {
		return false
	}
	t.check("ping-version", major == 1 && minor == 0, "protocol %d.%d", major, minor)

	t.providers()
	opcodes, err := t.client.ListOpcodes(parsec.ProviderID(t.provider))
	if t.expect("list-opcodes", success, err) {
		t.opcodes = opcodes
	}
	for _, op := range []requests.OpCode{requests.OpPsaGenerateKey, requests.OpPsaDestroyKey, requests.OpPsaSignHash,
		requests.OpPsaVerifyHash, requests.OpPsaExportPublicKey} {
		if !t.listed(op) {
			t.fail("list-opcodes-complete", "opcode %d is missing in %v", op, opcodes)
		}
	}
	opcodes, err = t.client.ListOpcodes(parsec.ProviderCore)
	t.expect("list-opcodes-core", success, err)
	t.check("list-opcodes-core-complete", slices.Contains(opcodes, uint32(requests.OpPing)) &&
		slices.Contains(opcodes, uint32(requests.OpListKeys)), "%v", opcodes)

	authenticators, err := t.client.ListAuthenticators()
	t.expect("list-authenticators", success, err)
	t.check("list-authenticators-some", len(authenticators) > 0, "none")

	// What a program without configuration gets: the first provider, the first authenticator.
	plain, err := parsec.CreateConfiguredClient(parsec.DirectAuthConfigData(t.prefix).Connection(t.rec))
	if t.check("bootstrap", err == nil, "%v", err) {
		_, err = plain.ListProviders()
		t.expect("bootstrap-list-providers", success, err)
	}

	t.missing("missing-key", t.prefix+"-missing", highECDSA(algorithm.HashAlgorithmTypeSHA256))
	return true
}

func (t *tester) providers() {
	providers, err := t.client.ListProviders()
	if !t.expect("list-providers", success, err) || !t.check("list-providers-some", len(providers) > 0, "none") {
		return
	}
	found := false
	for _, p := range providers {
		found = found || requests.ProviderID(p.ID) == t.provider
		if p.ID != parsec.ProviderCore && requests.ProviderID(p.ID) != t.provider {
			t.others = append(t.others, requests.ProviderID(p.ID))
		}
	}
	t.check("list-providers-ours", found, "provider %d is not among them", t.provider)
	t.check("list-providers-core-last", providers[len(providers)-1].ID == parsec.ProviderCore, "it is not")
}

// missing: every use of a name that has no key answers 1140.
func (t *tester) missing(step, name string, alg *algorithm.AsymmetricSignatureAlgorithm) {
	hash := sha256.Sum256([]byte("keyreeve"))
	_, err := t.client.PsaSignHash(name, hash[:], alg)
	t.expect(step+"-sign", doesNotExist, err)
	err = t.client.PsaVerifyHash(name, hash[:], make([]byte, 64), alg)
	t.expect(step+"-verify", doesNotExist, err)
	_, err = t.client.PsaExportPublicKey(name)
	t.expect(step+"-export-public", doesNotExist, err)
	err = t.client.PsaDestroyKey(name)
	t.expect(step+"-destroy", doesNotExist, err)
}

// A kind of signing key: how to make one, and Go's own opinion of its signatures.
type signer struct {
	kind      string
	generate  func(name string) error
	algorithm func(algorithm.HashAlgorithmType) *algorithm.AsymmetricSignatureAlgorithm
	verify    func(public, hash, signature []byte) error
}

func (t *tester) ecc() {
	t.sign(signer{
		kind: "ecc",
		generate: func(name string) error {
			return t.ops.PsaGenerateKey(t.provider, t.auth, name, attributes(eccPair(), 256, signing(), ecdsaSHA256()))
		},
		algorithm: highECDSA,
		verify:    verifyECC,
	})
}

func (t *tester) rsa() {
	t.sign(signer{
		kind: "rsa",
		generate: func(name string) error {
			// The client prints the attributes; our output is lines of steps.
			stdout := os.Stdout
			defer func() { os.Stdout = stdout }()
			os.Stdout, _ = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			return t.client.PsaGenerateKey(name, highRSA())
		},
		algorithm: highPKCS1,
		verify:    verifyRSA,
	})
}

func verifyECC(public, hash, signature []byte) error {
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public)
	if err != nil {
		return err
	}
	if len(signature) != 64 {
		return errors.New("the signature is not r and s of 32 bytes each")
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(key, hash, r, s) {
		return errors.New("the signature is wrong")
	}
	return nil
}

func verifyRSA(public, hash, signature []byte) error {
	key, err := x509.ParsePKCS1PublicKey(public)
	if err != nil {
		return err
	}
	if key.Size() != 256 || key.E != 65537 {
		return errors.New("not a 2048 bit key with exponent 65537")
	}
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, hash, signature)
}

func (t *tester) sign(s signer) {
	name := t.prefix + "-" + s.kind
	if !t.expect(s.kind+"-generate", success, s.generate(name)) {
		return
	}
	t.expect(s.kind+"-generate-again", alreadyExists, s.generate(name))

	alg := s.algorithm(algorithm.HashAlgorithmTypeSHA256)
	hash := sha256.Sum256([]byte("keyreeve " + s.kind))
	signature, err := t.client.PsaSignHash(name, hash[:], alg)
	if t.expect(s.kind+"-sign", success, err) {
		t.verify(s, name, hash[:], signature)
	}
	t.refusals(s, name, hash[:])
	t.listKeys(s.kind, name)

	t.expect(s.kind+"-destroy", success, t.client.PsaDestroyKey(name))
	t.missing(s.kind+"-destroyed", name, alg)
}

func (t *tester) verify(s signer, name string, hash, signature []byte) {
	alg := s.algorithm(algorithm.HashAlgorithmTypeSHA256)
	t.expect(s.kind+"-verify", success, t.client.PsaVerifyHash(name, hash, signature, alg))

	public, err := t.client.PsaExportPublicKey(name)
	if t.expect(s.kind+"-export-public", success, err) {
		err = s.verify(public, hash, signature)
		t.check(s.kind+"-verify-locally", err == nil, "%v", err)
	}

	corrupted := slices.Clone(signature)
	corrupted[len(corrupted)-1] ^= 1
	t.expect(s.kind+"-verify-corrupted", invalidSignature, t.client.PsaVerifyHash(name, hash, corrupted, alg))
	another := sha256.Sum256([]byte("another message"))
	t.expect(s.kind+"-verify-other-hash", invalidSignature, t.client.PsaVerifyHash(name, another[:], signature, alg))
}

func (t *tester) refusals(s signer, name string, hash []byte) {
	alg := s.algorithm(algorithm.HashAlgorithmTypeSHA256)
	_, err := t.client.PsaSignHash(name, hash[:31], alg)
	t.expect(s.kind+"-sign-short-hash", invalidArgument, err)
	wide := sha512.Sum512(hash)
	_, err = t.client.PsaSignHash(name, wide[:], s.algorithm(algorithm.HashAlgorithmTypeSHA512))
	t.expect(s.kind+"-sign-other-algorithm", notPermitted, err)

	low := lowSignature(alg)
	_, err = t.ops.PsaSignHash(t.provider, auth.NewNoAuthAuthenticator(), name, hash, low)
	t.expect(s.kind+"-sign-without-identity", notAuthenticated, err)
	for _, other := range t.others {
		_, err = t.ops.PsaSignHash(other, t.auth, name, hash, low)
		t.expect(s.kind+"-sign-with-provider-"+other.String(), doesNotExist, err)
	}
	if t.other != "" {
		_, err = t.ops.PsaSignHash(t.provider, auth.NewDirectAuthenticator(t.other), name, hash, low)
		t.expect(s.kind+"-sign-as-other", doesNotExist, err)
	}
}

func (t *tester) listKeys(kind, name string) {
	keys, err := t.client.ListKeys()
	t.expect(kind+"-list-keys", success, err)
	found := slices.ContainsFunc(keys, func(k *parsec.KeyInfo) bool {
		return k.Name == name && requests.ProviderID(k.ProviderID) == t.provider
	})
	t.check(kind+"-list-keys-ours", found, "the key is not listed")
}
