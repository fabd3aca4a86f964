"""Fairweight's trainer: one sealed job in, events and one sealed result out (spec/trainer-job.md).

It runs inside a confidential VM, started by the node. It never tokenises, never opens a socket, and
never writes anything that derives from people's data except sealed to the job's own key.
"""

VERSION = "1.0.0"
