// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	stdaes "crypto/aes"
	"crypto/cipher"
	stdecdh "crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"

	alg "github.com/parallaxsecond/parsec-client-go/interface/operations/psaalgorithm"
	attr "github.com/parallaxsecond/parsec-client-go/interface/operations/psakeyattributes"
	"github.com/parallaxsecond/parsec-client-go/interface/requests"
	"github.com/parallaxsecond/parsec-client-go/parsec/algorithm"
)

// more: the client's other operations, where the service lists them for the provider.
func (t *tester) more() {
	steps := []struct {
		name string
		op   requests.OpCode
		run  func(name string)
	}{
		{"random", requests.OpPsaGenerateRandom, t.random},
		{"hash-compute", requests.OpPsaHashCompute, t.hashCompute},
		{"sign-message", requests.OpPsaSignMessage, t.signMessage},
		{"import-public", requests.OpPsaImportKey, t.importPublic},
		{"export", requests.OpPsaExportKey, t.export},
		{"encrypt-oaep", requests.OpPsaAsymmetricEncrypt, func(name string) { t.encrypt(name, oaepSHA256()) }},
		{"encrypt-pkcs1", requests.OpPsaAsymmetricEncrypt, func(name string) { t.encrypt(name, pkcs1Crypt()) }},
		{"aead", requests.OpPsaAeadEncrypt, t.aead},
		{"cipher", requests.OpPsaCipherEncrypt, t.cipher},
		{"agreement", requests.OpPsaRawKeyAgreement, t.agreement},
	}
	for _, s := range steps {
		if !t.listed(s.op) {
			t.skip(s.name, "the service does not list it for this provider")
			continue
		}
		s.run(s.name)
	}
}

// made judges a call that a device may lack for this type of key or algorithm, although its opcode
// is listed (a token without OAEP, say): 1134 only skips.
func (t *tester) made(step string, err error) bool {
	if t.rec.status() == notSupported {
		t.skip(step, "not supported for this key and algorithm")
		return false
	}
	return t.expect(step, success, err)
}

func (t *tester) generate(step, name string, attributes *attr.KeyAttributes) bool {
	return t.made(step+"-generate", t.ops.PsaGenerateKey(t.provider, t.auth, name, attributes))
}

func (t *tester) importKey(step, name string, attributes *attr.KeyAttributes, data []byte) bool {
	return t.made(step+"-import", t.ops.PsaImportKey(t.provider, t.auth, name, attributes, data))
}

func (t *tester) destroy(step, name string) {
	t.expect(step+"-destroy", success, t.client.PsaDestroyKey(name))
}

func (t *tester) random(step string) {
	one, err := t.client.PsaGenerateRandom(32)
	t.expect(step, success, err)
	two, err := t.client.PsaGenerateRandom(32)
	t.expect(step+"-again", success, err)
	t.check(step+"-differs", len(one) == 32 && len(two) == 32 && !bytes.Equal(one, two), "%x and %x", one, two)
}

func (t *tester) hashCompute(step string) {
	got, err := t.client.PsaHashCompute([]byte("abc"), algorithm.HashAlgorithmTypeSHA256)
	want := sha256.Sum256([]byte("abc"))
	if t.expect(step, success, err) {
		t.check(step+"-locally", bytes.Equal(got, want[:]), "%x", got)
	}
}

func (t *tester) signMessage(step string) {
	name, message := t.prefix+"-"+step, []byte("a message that the service hashes")
	if !t.generate(step, name, attributes(eccPair(), 256, signing(), ecdsaSHA256())) {
		return
	}
	defer t.destroy(step, name)

	ecdsa := highECDSA(algorithm.HashAlgorithmTypeSHA256)
	signature, err := t.client.PsaSignMessage(name, message, ecdsa)
	if !t.expect(step, success, err) {
		return
	}
	t.expect(step+"-verify", success, t.client.PsaVerifyMessage(name, message, signature, ecdsa))
	t.expect(step+"-verify-other", invalidSignature, t.client.PsaVerifyMessage(name, message[1:], signature, ecdsa))
	public, err := t.client.PsaExportPublicKey(name)
	if t.expect(step+"-export-public", success, err) {
		hash := sha256.Sum256(message)
		err = verifyECC(public, hash[:], signature)
		t.check(step+"-verify-locally", err == nil, "%v", err)
	}
}

// importPublic: a signature made here verifies there.
func (t *tester) importPublic(step string) {
	name := t.prefix + "-" + step
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	usage := &attr.UsageFlags{VerifyHash: true, VerifyMessage: true}
	if !t.importKey(step, name, attributes(eccPublic(), 256, usage, ecdsaSHA256()), point) {
		return
	}
	defer t.destroy(step, name)

	hash := sha256.Sum256([]byte("signed in Go"))
	r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
	if err != nil {
		panic(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	ecdsa := highECDSA(algorithm.HashAlgorithmTypeSHA256)
	t.expect(step+"-verify", success, t.client.PsaVerifyHash(name, hash[:], signature, ecdsa))
	signature[5] ^= 1
	t.expect(step+"-verify-corrupted", invalidSignature, t.client.PsaVerifyHash(name, hash[:], signature, ecdsa))
	_, err = t.client.PsaSignHash(name, hash[:], ecdsa)
	t.expect(step+"-sign", notPermitted, err)
	public, err := t.client.PsaExportPublicKey(name)
	if t.expect(step+"-export-public", success, err) {
		t.check(step+"-export-public-same", bytes.Equal(public, point), "%x", public)
	}
}

// export: never without the flag; with it the policy may still say no (1133).
func (t *tester) export(step string) {
	secret := make([]byte, 16)
	rand.Read(secret)
	for _, exportable := range []bool{false, true} {
		name := t.prefix + "-" + step
		usage := encrypting()
		usage.Export = exportable
		if !t.importKey(step, name, attributes(aes(), 128, usage, aead(gcm())), secret) {
			return
		}
		data, err := t.client.PsaExportKey(name)
		switch {
		case !exportable:
			t.expect(step+"-without-flag", notPermitted, err)
		case t.rec.status() == notPermitted:
			t.skip(step+"-with-flag", "the policy refuses it")
		case t.expect(step+"-with-flag", success, err):
			t.check(step+"-same", bytes.Equal(data, secret), "other bytes")
		}
		t.destroy(step, name)
	}
}

func (t *tester) encrypt(step string, a *alg.Algorithm_AsymmetricEncryption) {
	name, plain := t.prefix+"-"+step, []byte("plaintext")
	if !t.generate(step, name, attributes(rsaPair(), 2048, encrypting(), asymmetricEncryption(a))) {
		return
	}
	defer t.destroy(step, name)

	public, err := t.client.PsaExportPublicKey(name)
	if !t.expect(step+"-export-public", success, err) {
		return
	}
	there, err := t.ops.PsaAsymmetricEncrypt(t.provider, t.auth, name, a, nil, plain)
	if t.made(step, err) {
		t.decrypt(step+"-decrypt", name, a, there, plain)
	}
	key, err := x509.ParsePKCS1PublicKey(public)
	if !t.check(step+"-public-key", err == nil, "%v", err) {
		return
	}
	var here []byte
	if a.GetRsaOaep() != nil {
		here, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, key, plain, nil)
	} else {
		here, err = rsa.EncryptPKCS1v15(rand.Reader, key, plain)
	}
	if err != nil {
		panic(err)
	}
	t.decrypt(step+"-decrypt-ours", name, a, here, plain)
}

func (t *tester) decrypt(step, name string, a *alg.Algorithm_AsymmetricEncryption, sealed, plain []byte) {
	opened, err := t.ops.PsaAsymmetricDecrypt(t.provider, t.auth, name, a, nil, sealed)
	if t.made(step, err) {
		t.check(step+"-same", bytes.Equal(opened, plain), "other bytes")
	}
}

// aead: a key known to both sides, so that Go's GCM opens what the service sealed.
func (t *tester) aead(step string) {
	name, secret, nonce := t.prefix+"-"+step, make([]byte, 16), make([]byte, 12)
	plain, extra := []byte("plaintext"), []byte("additional data")
	rand.Read(secret)
	rand.Read(nonce)
	if !t.importKey(step, name, attributes(aes(), 128, encrypting(), aead(gcm())), secret) {
		return
	}
	defer t.destroy(step, name)

	sealed, err := t.ops.PsaAeadEncrypt(t.provider, t.auth, name, gcm(), nonce, extra, plain)
	if !t.expect(step, success, err) {
		return
	}
	block, _ := stdaes.NewCipher(secret)
	local, _ := cipher.NewGCM(block)
	opened, err := local.Open(nil, nonce, sealed, extra)
	t.check(step+"-open-locally", err == nil && bytes.Equal(opened, plain), "%v", err)
	opened, err = t.ops.PsaAeadDecrypt(t.provider, t.auth, name, gcm(), nonce, extra, sealed)
	if t.expect(step+"-decrypt", success, err) {
		t.check(step+"-decrypt-same", bytes.Equal(opened, plain), "other bytes")
	}
	sealed[len(sealed)-1] ^= 1
	_, err = t.ops.PsaAeadDecrypt(t.provider, t.auth, name, gcm(), nonce, extra, sealed)
	t.expect(step+"-decrypt-corrupted", invalidSignature, err)
}

func (t *tester) cipher(step string) {
	name, plain := t.prefix+"-"+step, []byte("plaintext of some twenty bytes")
	if !t.generate(step, name, attributes(aes(), 256, encrypting(), cbcPKCS7())) {
		return
	}
	defer t.destroy(step, name)

	sealed, err := t.ops.PsaCipherEncrypt(t.provider, t.auth, name, alg.Algorithm_CBC_PKCS7, plain)
	if !t.expect(step, success, err) {
		return
	}
	opened, err := t.ops.PsaCipherDecrypt(t.provider, t.auth, name, alg.Algorithm_CBC_PKCS7, sealed)
	if t.expect(step+"-decrypt", success, err) {
		t.check(step+"-decrypt-same", bytes.Equal(opened, plain), "other bytes")
	}
}

func (t *tester) agreement(step string) {
	name := t.prefix + "-" + step
	if !t.generate(step, name, attributes(eccPair(), 256, &attr.UsageFlags{Derive: true}, ecdh())) {
		return
	}
	defer t.destroy(step, name)

	public, err := t.client.PsaExportPublicKey(name)
	if !t.expect(step+"-export-public", success, err) {
		return
	}
	ours, err := stdecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	theirs, err := stdecdh.P256().NewPublicKey(public)
	if !t.check(step+"-public-key", err == nil, "%v", err) {
		return
	}
	want, err := ours.ECDH(theirs)
	if err != nil {
		panic(err)
	}
	raw := alg.Algorithm_KeyAgreement_ECDH
	got, err := t.ops.PsaRawKeyAgreement(t.provider, t.auth, &raw, name, ours.PublicKey().Bytes())
	if t.expect(step, success, err) {
		t.check(step+"-same", bytes.Equal(got, want), "the secrets differ")
	}
}

// mac: HMAC with a key known to both sides.  PsaMACVerify is left out: this client sends it under
// the opcode of PsaMACCompute.
func (t *tester) mac() {
	const step = "mac"
	name, secret, input := t.prefix+"-"+step, make([]byte, 32), []byte("input")
	rand.Read(secret)
	usage := &attr.UsageFlags{SignMessage: true, VerifyMessage: true}
	if !t.importKey(step, name, attributes(hmacKey(), 256, usage, mac(hmacSHA256())), secret) {
		return
	}
	defer t.destroy(step, name)

	got, err := t.ops.PsaMACCompute(t.provider, t.auth, name, hmacSHA256(), input)
	if t.expect(step, success, err) {
		local := hmac.New(sha256.New, secret)
		local.Write(input)
		t.check(step+"-locally", bytes.Equal(got, local.Sum(nil)), "%x", got)
	}
}

// lowSignature is the upper layer's algorithm in the lower layer's type.
func lowSignature(a *algorithm.AsymmetricSignatureAlgorithm) *alg.Algorithm_AsymmetricSignature {
	return a.ToWireInterface().(*alg.Algorithm).GetAsymmetricSignature()
}
