// SPDX-License-Identifier: Apache-2.0

//! The client's other operations, where the service lists them for the provider.

use crate::keys::*;
use crate::tester::Tester;
use parsec_client::core::interface::operations::can_do_crypto::CheckType;
use parsec_client::core::interface::operations::psa_algorithm::{
    AsymmetricEncryption, Hash, RawKeyAgreement,
};
use parsec_client::core::interface::operations::psa_key_attributes::Type;
use parsec_client::core::interface::requests::{Opcode, ResponseStatus};
use parsec_client::error::Error;
use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_128_GCM};
use ring::agreement::{agree_ephemeral, EphemeralPrivateKey, UnparsedPublicKey, ECDH_P256};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{EcdsaKeyPair, KeyPair, ECDSA_P256_SHA256_FIXED_SIGNING};

pub fn all(t: &mut Tester) {
    type Steps = (&'static str, Opcode, fn(&mut Tester, &str));
    let steps: [Steps; 10] = [
        ("can-do-crypto", Opcode::CanDoCrypto, can_do_crypto),
        ("random", Opcode::PsaGenerateRandom, random),
        ("hash", Opcode::PsaHashCompute, hash),
        ("sign-message", Opcode::PsaSignMessage, sign_message),
        ("import-public", Opcode::PsaImportKey, import_public),
        ("export", Opcode::PsaExportKey, export),
        ("encrypt-oaep", Opcode::PsaAsymmetricEncrypt, |t, step| encrypt(t, step, OAEP)),
        ("encrypt-pkcs1", Opcode::PsaAsymmetricEncrypt, |t, step| encrypt(t, step, PKCS1)),
        ("aead", Opcode::PsaAeadEncrypt, aead),
        ("agreement", Opcode::PsaRawKeyAgreement, agreement),
    ];
    for (name, opcode, run) in steps {
        if t.opcodes.contains(&opcode) {
            run(t, name);
        } else {
            t.skip(name, "the service does not list it for this provider");
        }
    }
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system has random bytes");
    bytes
}

fn can_do_crypto(t: &mut Tester, step: &str) {
    let good = attributes(ECC_PAIR, 256, signing(), ecdsa(Hash::Sha256));
    let result = t.client().can_do_crypto(CheckType::Generate, good);
    t.works(step, result);
    let bad = attributes(ECC_PAIR, 1024, signing(), ecdsa(Hash::Sha256));
    let result = t.client().can_do_crypto(CheckType::Use, bad);
    t.refused(&format!("{step}-not"), ResponseStatus::PsaErrorNotSupported, result);
}

fn random(t: &mut Tester, step: &str) {
    let one = t.client().psa_generate_random(32);
    let one = t.works(step, one);
    let two = t.client().psa_generate_random(32);
    let two = t.works(&format!("{step}-again"), two);
    let good = one != two && one.map_or(0, |bytes| bytes.len()) == 32;
    t.check(&format!("{step}-differs"), good, "equal or short");
}

fn hash(t: &mut Tester, step: &str) {
    let result = t.client().psa_hash_compute(Hash::Sha256, b"abc");
    let Some(hash) = t.works(step, result) else {
        return;
    };
    t.check(&format!("{step}-locally"), hash == sha256(b"abc"), format!("{hash:02x?}"));
    let result = t.client().psa_hash_compare(Hash::Sha256, b"abc", &hash);
    t.works(&format!("{step}-compare"), result);
    let result = t.client().psa_hash_compare(Hash::Sha256, b"abd", &hash);
    let wrong = ResponseStatus::PsaErrorInvalidSignature;
    t.refused(&format!("{step}-compare-other"), wrong, result);
}

fn sign_message(t: &mut Tester, step: &str) {
    let (name, message) = (t.name(step), b"a message that the service hashes");
    let algorithm = ecdsa(Hash::Sha256);
    let wanted = attributes(ECC_PAIR, 256, signing(), algorithm);
    let result = t.client().psa_generate_key(&name, wanted);
    if !t.makes(&format!("{step}-generate"), result) {
        return;
    }
    let result = t.client().psa_sign_message(&name, message, algorithm);
    if let Some(signature) = t.works(step, result) {
        let result = t.client().psa_verify_message(&name, message, algorithm, &signature);
        t.works(&format!("{step}-verify"), result);
        let result = t.client().psa_verify_message(&name, &message[1..], algorithm, &signature);
        let wrong = ResponseStatus::PsaErrorInvalidSignature;
        t.refused(&format!("{step}-verify-other"), wrong, result);
        let result = t.client().psa_export_public_key(&name);
        if let Some(public) = t.works(&format!("{step}-export-public"), result) {
            let good = verify_ecc(&public, message, &signature);
            t.check(&format!("{step}-verify-locally"), good, "wrong signature");
        }
    }
    t.destroy(step, &name);
}

/// A signature made here verifies there.
fn import_public(t: &mut Tester, step: &str) {
    let (name, message) = (t.name(step), b"signed in Rust");
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    let document = document.expect("ring makes a key");
    let pair = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = EcdsaKeyPair::from_pkcs8(pair, document.as_ref(), &random).expect("ring reads it");
    let algorithm = ecdsa(Hash::Sha256);

    let wanted = attributes(ECC_PUBLIC, 256, verifying(), algorithm);
    let result = t.client().psa_import_key(&name, pair.public_key().as_ref(), wanted);
    if !t.makes(&format!("{step}-import"), result) {
        return;
    }
    let mut signature = pair.sign(&random, message).expect("ring signs").as_ref().to_vec();
    let hash = sha256(message);
    let result = t.client().psa_verify_hash(&name, &hash, algorithm, &signature);
    t.works(&format!("{step}-verify"), result);
    signature[5] ^= 1;
    let result = t.client().psa_verify_hash(&name, &hash, algorithm, &signature);
    let wrong = ResponseStatus::PsaErrorInvalidSignature;
    t.refused(&format!("{step}-verify-corrupted"), wrong, result);
    let result = t.client().psa_sign_hash(&name, &hash, algorithm);
    t.refused(&format!("{step}-sign"), ResponseStatus::PsaErrorNotPermitted, result);
    let result = t.client().psa_export_public_key(&name);
    if let Some(public) = t.works(&format!("{step}-export-public"), result) {
        let same = public == pair.public_key().as_ref();
        t.check(&format!("{step}-export-public-same"), same, format!("{public:02x?}"));
    }
    t.destroy(step, &name);
}

/// Never without the flag; with it the policy may still say no.
fn export(t: &mut Tester, step: &str) {
    let (name, secret) = (t.name(step), random_bytes::<16>());
    let no = ResponseStatus::PsaErrorNotPermitted;
    for exportable in [false, true] {
        let mut usage = encrypting();
        if exportable {
            usage.set_export();
        }
        let wanted = attributes(Type::Aes, 128, usage, GCM);
        let result = t.client().psa_import_key(&name, &secret, wanted);
        if !t.makes(&format!("{step}-import"), result) {
            return;
        }
        match (exportable, t.client().psa_export_key(&name)) {
            (false, result) => t.refused(&format!("{step}-without-flag"), no, result),
            (true, Err(Error::Service(status))) if status == no => {
                t.skip(&format!("{step}-with-flag"), "the policy refuses it")
            }
            (true, result) => {
                if let Some(data) = t.works(&format!("{step}-with-flag"), result) {
                    t.check(&format!("{step}-same"), data == secret, "other bytes");
                }
            }
        }
        t.destroy(step, &name);
    }
}

fn encrypt(t: &mut Tester, step: &str, algorithm: AsymmetricEncryption) {
    let (name, plain) = (t.name(step), b"plaintext");
    let wanted = attributes(Type::RsaKeyPair, 2048, encrypting(), algorithm);
    let result = t.client().psa_generate_key(&name, wanted);
    if !t.makes(&format!("{step}-generate"), result) {
        return;
    }
    let result = t.client().psa_asymmetric_encrypt(&name, algorithm, plain, None);
    if let Some(sealed) = t.may_work(step, result) {
        let result = t.client().psa_asymmetric_decrypt(&name, algorithm, &sealed, None);
        if let Some(opened) = t.may_work(&format!("{step}-decrypt"), result) {
            t.check(&format!("{step}-decrypt-same"), opened == plain, "other bytes");
        }
    }
    t.destroy(step, &name);
}

/// A key known to both sides, so that ring opens what the service sealed.
fn aead(t: &mut Tester, step: &str) {
    let (name, plain, extra) = (t.name(step), b"plaintext", b"additional data");
    let (secret, nonce) = (random_bytes::<16>(), random_bytes::<12>());
    let wanted = attributes(Type::Aes, 128, encrypting(), GCM);
    let result = t.client().psa_import_key(&name, &secret, wanted);
    if !t.makes(&format!("{step}-import"), result) {
        return;
    }
    let result = t.client().psa_aead_encrypt(&name, GCM, &nonce, extra, plain);
    if let Some(mut sealed) = t.works(step, result) {
        let local = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &secret).expect("16 bytes"));
        let mut copy = sealed.clone();
        let opened =
            local.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(extra), &mut copy);
        let good = opened.is_ok_and(|bytes| bytes == plain);
        t.check(&format!("{step}-open-locally"), good, "ring refuses it");

        let result = t.client().psa_aead_decrypt(&name, GCM, &nonce, extra, &sealed);
        if let Some(opened) = t.works(&format!("{step}-decrypt"), result) {
            t.check(&format!("{step}-decrypt-same"), opened == plain, "other bytes");
        }
        *sealed.last_mut().unwrap() ^= 1;
        let result = t.client().psa_aead_decrypt(&name, GCM, &nonce, extra, &sealed);
        let wrong = ResponseStatus::PsaErrorInvalidSignature;
        t.refused(&format!("{step}-decrypt-corrupted"), wrong, result);
    }
    t.destroy(step, &name);
}

fn agreement(t: &mut Tester, step: &str) {
    let name = t.name(step);
    let wanted = attributes(ECC_PAIR, 256, deriving(), ECDH);
    let result = t.client().psa_generate_key(&name, wanted);
    if !t.makes(&format!("{step}-generate"), result) {
        return;
    }
    let ours = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).expect("a key");
    let point = ours.compute_public_key().expect("its public part");
    let result = t.client().psa_raw_key_agreement(RawKeyAgreement::Ecdh, &name, point.as_ref());
    let there = t.works(step, result);
    let result = t.client().psa_export_public_key(&name);
    if let Some(public) = t.works(&format!("{step}-export-public"), result) {
        let theirs = UnparsedPublicKey::new(&ECDH_P256, &public);
        let here = agree_ephemeral(ours, &theirs, <[u8]>::to_vec).ok();
        t.check(&format!("{step}-same"), here.is_some() && here == there, "the secrets differ");
    }
    t.destroy(step, &name);
}
