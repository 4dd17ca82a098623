module github.com/growl-dev/deploy/growl-backend

go 1.26.0

toolchain go1.26.8
