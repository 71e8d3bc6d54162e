"""The multiplexed socket between an ingress replica and a worker."""
