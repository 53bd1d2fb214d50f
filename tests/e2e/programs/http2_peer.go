// SPDX-License-Identifier: MIT

// HTTP/2 of Go's standard library, as either side.
//
//	http2_peer serve CERTIFICATE KEY FOLDER     files of the folder; says its port, then METHOD PATH STATUS BYTES of each request
//	http2_peer ask URL CERTIFICATE BODY LIST    the lines METHOD PATH of the list, many at a time over one connection
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
)

// Fewer than every server allows: for more, the library opens another connection.
const atATime = 50

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// counter knows what it was asked to answer.
type counter struct {
	http.ResponseWriter
	status, bytes int
}

func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(body []byte) (int, error) {
	c.bytes += len(body)
	return c.ResponseWriter.Write(body)
}

func serve(certificate, key, folder string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println("listening", listener.Addr().(*net.TCPAddr).Port)
	var one sync.Mutex
	handler := func(response http.ResponseWriter, request *http.Request) {
		io.Copy(io.Discard, request.Body)
		counted := &counter{ResponseWriter: response}
		http.ServeFile(counted, request, folder+request.URL.Path)
		one.Lock()
		defer one.Unlock()
		fmt.Println(request.Method, request.URL.RequestURI(), counted.status, counted.bytes)
	}
	check(http.ServeTLS(listener, http.HandlerFunc(handler), certificate, key))
}

func ask(url, certificate, body, list string) {
	pem, err := os.ReadFile(certificate)
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		MaxConnsPerHost:   1,
		TLSClientConfig:   &tls.Config{RootCAs: roots},
	}
	client := &http.Client{Transport: transport}
	sent, err := os.ReadFile(body)
	check(err)
	lines, err := os.ReadFile(list)
	check(err)
	var all sync.WaitGroup
	places := make(chan bool, atATime)
	for _, line := range strings.Fields(strings.ReplaceAll(string(lines), " ", "|")) {
		method, path, _ := strings.Cut(line, "|")
		all.Add(1)
		places <- true
		go func() {
			defer all.Done()
			defer func() { <-places }()
			var content io.Reader
			if method == "POST" {
				content = bytes.NewReader(sent)
			}
			request, err := http.NewRequest(method, url+path, content)
			check(err)
			response, err := client.Do(request)
			check(err)
			_, err = io.Copy(io.Discard, response.Body)
			check(err)
			check(response.Body.Close())
		}()
	}
	all.Wait()
	transport.CloseIdleConnections()
}

func main() {
	arguments := os.Args[2:]
	if os.Args[1] == "serve" {
		serve(arguments[0], arguments[1], arguments[2])
	} else {
		ask(arguments[0], arguments[1], arguments[2], arguments[3])
	}
}
