// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

@main
struct SignetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "signet",
    abstract: "Train compact binary neural networks and run them on ordinary CPUs.")
}
