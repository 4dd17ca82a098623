module github.com/growl-dev/deploy/growl-backend

go 1.26.0
