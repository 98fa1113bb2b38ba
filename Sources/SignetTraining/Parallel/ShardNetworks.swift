// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The network once for each of this rank's shards, kept from step to step.
///
/// They share the weights and Adam's state with the run's own network, but have gradients and room of their own, so that they
/// compute side by side.
final class ShardNetworks: Sendable {
  let reduction: GradientReduction
  private let group: ShardGroup
  private let networks: Mutex<[Sequential]>

  init(_ network: Sequential, group: ShardGroup) {
    let reduction = GradientReduction(network, group: group)
    self.group = group
    self.reduction = reduction
    networks = Mutex(
      group.own.map { shard in
        var own = network
        for index in own.layers.indices { own.layers[index].takeOwnRoom() }
        reduction.lend(to: &own, shard: shard)
        return own
      })
  }

  func belong(to network: Sequential, in group: ShardGroup) -> Bool {
    var network = network
    return group === self.group && reduction.belongs(to: &network)
  }

  /// Runs `body` on the network of a shard; one call at a time for each.
  func with<Result>(_ shard: Int, _ body: (inout Sequential) throws -> Result) rethrows -> Result {
    let place = shard - group.own.lowerBound
    // Taken out meanwhile: a network that two places held would be copied when it changes.
    let empty = Sequential(input: networks.withLock { $0[place].input }, layers: [])
    var network = networks.withLock { networks in
      var taken = empty
      swap(&taken, &networks[place])
      return taken
    }
    defer { networks.withLock { [network] in $0[place] = network } }
    return try body(&network)
  }
}
