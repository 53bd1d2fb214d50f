// SPDX-License-Identifier: MIT

// Servers and clients of crypto/tls that talk to each other, when standard input ends: `pairs CONNECTIONS BYTES`. Each connection has BYTES go to the
// server and twice as many come back, in writes of several sizes. For each end a line: role, own address, other address,
// SHA-256 of what it sent and of what it received.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strconv"
	"sync"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// write sends so many bytes, of which none is like its neighbours, in pieces from 1 byte up; answers their hash.
func write(connection *tls.Conn, length int, seed byte) []byte {
	hash := sha256.New()
	bytes := make([]byte, length)
	for at := range bytes {
		bytes[at] = seed + byte(at*7) + byte(at>>8)
	}
	for piece := 1; len(bytes) > 0; piece *= 3 {
		if piece > len(bytes) {
			piece = len(bytes)
		}
		_, err := connection.Write(bytes[:piece])
		check(err)
		hash.Write(bytes[:piece])
		bytes = bytes[piece:]
	}
	return hash.Sum(nil)
}

func read(connection *tls.Conn, length int) []byte {
	hash := sha256.New()
	_, err := io.CopyN(hash, connection, int64(length))
	check(err)
	return hash.Sum(nil)
}

func tell(role string, connection net.Conn, sent []byte, received []byte) {
	fmt.Printf("%s %s %s %x %x\n", role, connection.LocalAddr(), connection.RemoteAddr(), sent, received)
}

func main() {
	_, err := io.Copy(io.Discard, os.Stdin)
	check(err)
	connections, err := strconv.Atoi(os.Args[1])
	check(err)
	length, err := strconv.Atoi(os.Args[2])
	check(err)
	config := &tls.Config{Certificates: []tls.Certificate{certificate()}}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	check(err)
	var ends sync.WaitGroup
	ends.Add(2 * connections)
	go func() {
		for number := 0; number < connections; number++ {
			accepted, err := listener.Accept()
			check(err)
			go func() {
				defer ends.Done()
				connection := accepted.(*tls.Conn)
				received := read(connection, length)
				tell("server", connection, write(connection, 2*length, received[0]), received)
				// The client closes first.
				io.Copy(io.Discard, connection)
				connection.Close()
			}()
		}
	}()
	for number := 0; number < connections; number++ {
		go func(seed byte) {
			defer ends.Done()
			connection, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
			check(err)
			sent := write(connection, length, seed)
			tell("client", connection, sent, read(connection, 2*length))
			connection.Close()
		}(byte(number))
	}
	ends.Wait()
}
