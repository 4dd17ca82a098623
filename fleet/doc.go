// Package fleet describes an environment: its instances, target groups, region and image repository.
//
// A fleet file is JSON:
//
//	{
//	  "environment": "staging",
//	  "region": "eu-central-1",
//	  "repository": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/orders-api",
//	  "target_groups": ["arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/orders/6d0ecf831eec9f09"],
//	  "instances": [
//	    {"id": "i-0a1b2c3d4e5f60001", "name": "orders-1", "zone": "eu-central-1a", "address": "10.0.1.10"},
//	    {"id": "i-0a1b2c3d4e5f60002", "name": "orders-2", "zone": "eu-central-1b", "address": "10.0.2.10"}
//	  ]
//	}
//
// [Fleet] lists the other fields. A field with an unknown name is an error, because otherwise a misspelled one would be
// silently ignored.
package fleet
