"""The only orchestrator: stages models, opens engines and sessions, keeps them for their scope, runs checks."""
