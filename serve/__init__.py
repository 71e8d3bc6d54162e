"""The Ray Serve deployments: ingress for clients, reporting for operators."""
