package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// parsePEM reads the public key of a PEM file: a key or a certificate.
func parsePEM(data []byte) (*keySet, error) {
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, errors.New("it has no PEM block: want -----BEGIN PUBLIC KEY-----")
	}
	if len(bytes.TrimSpace(rest)) > 0 && block.Type != "CERTIFICATE" {
		return nil, errors.New("it has more than one PEM block; several keys go into a JSON Web Key Set (jwks)")
	}
	var material any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		material, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		material, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			material = certificate.PublicKey
		}
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		return nil, errors.New("it holds a private key, which belongs to the issuer alone; give the public one")
	default:
		return nil, fmt.Errorf("it has a %s; want a PUBLIC KEY or a CERTIFICATE", block.Type)
	}
	if err != nil {
		return nil, errors.New("its key cannot be read")
	}
	if k, ok := material.(*ed25519.PublicKey); ok {
		material = *k
	}
	return singleKey(material)
}

// singleKey is the set of one key that fits every token.
func singleKey(material any) (*keySet, error) {
	fits, err := algorithms(material)
	if err != nil {
		return nil, err
	}
	return &keySet{keys: []key{{algorithms: fits, material: material}}}, nil
}
