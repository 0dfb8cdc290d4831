// SPDX-License-Identifier: Apache-2.0

//! Discovery, and the life of a signing key.

use crate::keys::*;
use crate::tester::Tester;
use parsec_client::auth::Authentication;
use parsec_client::core::interface::operations::psa_algorithm::{AsymmetricSignature, Hash};
use parsec_client::core::interface::operations::psa_key_attributes::{Attributes, Type};
use parsec_client::core::interface::requests::{Opcode, ProviderId, ResponseStatus};
use parsec_client::BasicClient;

/// False: nothing answers, go no further.
pub fn core(t: &mut Tester) -> bool {
    if !t.connected() {
        return false;
    }
    let pong = t.client().ping();
    let Some(version) = t.works("ping", pong) else {
        return false;
    };
    t.check("ping-version", version == (1, 0), format!("{version:?}"));

    providers(t);
    opcodes(t);

    let authenticators = t.client().list_authenticators();
    if let Some(list) = t.works("list-authenticators", authenticators) {
        t.check("list-authenticators-some", !list.is_empty(), "none");
    }

    // What a program gets that configures nothing: the first provider, the first authenticator.
    let plain = BasicClient::new(Some(t.prefix.clone()));
    if let Some(plain) = t.works("bootstrap", plain) {
        t.works("bootstrap-list-providers", plain.list_providers());
    }

    let name = t.name("missing");
    missing(t, "missing-key", &name, ecdsa(Hash::Sha256));
    true
}

fn providers(t: &mut Tester) {
    let providers = t.client().list_providers();
    let Some(providers) = t.works("list-providers", providers) else {
        return;
    };
    let ours = t.provider;
    t.check("list-providers-ours", providers.iter().any(|p| p.id == ours), "not among them");
    let last = providers.last().map(|p| p.id);
    t.check("list-providers-core-last", last == Some(ProviderId::Core), format!("{last:?}"));
    let others = providers.iter().map(|p| p.id);
    t.others = others.filter(|id| *id != ours && *id != ProviderId::Core).collect();
}

fn opcodes(t: &mut Tester) {
    let opcodes = t.client().list_opcodes(t.provider);
    t.opcodes = t.works("list-opcodes", opcodes).unwrap_or_default();
    let needed = [
        Opcode::PsaGenerateKey,
        Opcode::PsaDestroyKey,
        Opcode::PsaSignHash,
        Opcode::PsaVerifyHash,
        Opcode::PsaExportPublicKey,
    ];
    let complete = needed.iter().all(|op| t.opcodes.contains(op));
    let listed = format!("{:?}", t.opcodes);
    t.check("list-opcodes-complete", complete, listed);

    let opcodes = t.client().list_opcodes(ProviderId::Core);
    if let Some(list) = t.works("list-opcodes-core", opcodes) {
        let complete = list.contains(&Opcode::Ping) && list.contains(&Opcode::ListKeys);
        t.check("list-opcodes-core-complete", complete, format!("{list:?}"));
    }
}

/// Every use of a name that has no key answers 1140.
fn missing(t: &mut Tester, step: &str, name: &str, algorithm: AsymmetricSignature) {
    let no_key = ResponseStatus::PsaErrorDoesNotExist;
    let hash = sha256(b"keyreeve");
    let result = t.client().psa_sign_hash(name, &hash, algorithm);
    t.refused(&format!("{step}-sign"), no_key, result);
    let result = t.client().psa_verify_hash(name, &hash, algorithm, &[0; 64]);
    t.refused(&format!("{step}-verify"), no_key, result);
    let result = t.client().psa_export_public_key(name);
    t.refused(&format!("{step}-export-public"), no_key, result);
    let result = t.client().psa_destroy_key(name);
    t.refused(&format!("{step}-destroy"), no_key, result);
}

/// A kind of signing key.
struct Kind {
    name: &'static str,
    attributes: Attributes,
    algorithm: fn(Hash) -> AsymmetricSignature,
    verify: fn(public: &[u8], message: &[u8], signature: &[u8]) -> bool,
}

pub fn ecc(t: &mut Tester) {
    let kind = Kind {
        name: "ecc",
        attributes: attributes(ECC_PAIR, 256, signing(), ecdsa(Hash::Sha256)),
        algorithm: ecdsa,
        verify: verify_ecc,
    };
    sign(t, &kind);
}

pub fn rsa(t: &mut Tester) {
    let kind = Kind {
        name: "rsa",
        attributes: attributes(Type::RsaKeyPair, 2048, signing(), pkcs1(Hash::Sha256)),
        algorithm: pkcs1,
        verify: verify_rsa,
    };
    sign(t, &kind);
}

fn sign(t: &mut Tester, kind: &Kind) {
    let step = |what: &str| format!("{}-{what}", kind.name);
    let name = t.name(kind.name);
    let message = format!("keyreeve {}", kind.name);
    let hash = sha256(message.as_bytes());
    let algorithm = (kind.algorithm)(Hash::Sha256);

    let result = t.client().psa_generate_key(&name, kind.attributes);
    if t.works(&step("generate"), result).is_none() {
        return;
    }
    let result = t.client().psa_generate_key(&name, kind.attributes);
    t.refused(&step("generate-again"), ResponseStatus::PsaErrorAlreadyExists, result);

    let result = t.client().psa_sign_hash(&name, &hash, algorithm);
    if let Some(signature) = t.works(&step("sign"), result) {
        verify(t, kind, &name, message.as_bytes(), &signature);
    }
    refusals(t, kind, &name, &hash);
    listed(t, kind, &name);

    t.destroy(kind.name, &name);
    missing(t, &step("destroyed"), &name, algorithm);
}

fn verify(t: &mut Tester, kind: &Kind, name: &str, message: &[u8], signature: &[u8]) {
    let step = |what: &str| format!("{}-{what}", kind.name);
    let algorithm = (kind.algorithm)(Hash::Sha256);
    let hash = sha256(message);

    let result = t.client().psa_verify_hash(name, &hash, algorithm, signature);
    t.works(&step("verify"), result);
    let result = t.client().psa_export_public_key(name);
    if let Some(public) = t.works(&step("export-public"), result) {
        let good = (kind.verify)(&public, message, signature);
        t.check(&step("verify-locally"), good, format!("{public:02x?} {signature:02x?}"));
    }

    let wrong = ResponseStatus::PsaErrorInvalidSignature;
    let mut corrupted = signature.to_vec();
    *corrupted.last_mut().unwrap() ^= 1;
    let result = t.client().psa_verify_hash(name, &hash, algorithm, &corrupted);
    t.refused(&step("verify-corrupted"), wrong, result);
    let another = sha256(b"another message");
    let result = t.client().psa_verify_hash(name, &another, algorithm, signature);
    t.refused(&step("verify-other-hash"), wrong, result);
}

fn refusals(t: &mut Tester, kind: &Kind, name: &str, hash: &[u8]) {
    let step = |what: &str| format!("{}-{what}", kind.name);
    let algorithm = (kind.algorithm)(Hash::Sha256);

    let result = t.client().psa_sign_hash(name, &hash[..31], algorithm);
    t.refused(&step("sign-short-hash"), ResponseStatus::PsaErrorInvalidArgument, result);
    let other = (kind.algorithm)(Hash::Sha512);
    let result = t.client().psa_sign_hash(name, &sha512(hash), other);
    t.refused(&step("sign-other-algorithm"), ResponseStatus::PsaErrorNotPermitted, result);

    t.act_as(t.provider, Authentication::None);
    let result = t.client().psa_sign_hash(name, hash, algorithm);
    t.refused(&step("sign-without-identity"), ResponseStatus::NotAuthenticated, result);

    let no_key = ResponseStatus::PsaErrorDoesNotExist;
    for other in t.others.clone() {
        t.act_as(other, t.auth.clone());
        let result = t.client().psa_sign_hash(name, hash, algorithm);
        t.refused(&step(&format!("sign-with-provider-{other:?}")), no_key, result);
    }
    if let Some(other) = t.other_name.clone() {
        t.act_as(t.provider, Authentication::Direct(other));
        let result = t.client().psa_sign_hash(name, hash, algorithm);
        t.refused(&step("sign-as-other"), no_key, result);
    }
    t.as_ourselves();
}

fn listed(t: &mut Tester, kind: &Kind, name: &str) {
    let keys = t.client().list_keys();
    let step = format!("{}-list-keys", kind.name);
    let Some(keys) = t.works(&step, keys) else {
        return;
    };
    let ours = keys.iter().find(|k| k.name == name && k.provider_id == t.provider);
    let same = ours.map(|k| k.attributes) == Some(kind.attributes);
    t.check(&format!("{step}-ours"), same, format!("{ours:?}"));
}
