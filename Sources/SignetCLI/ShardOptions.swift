// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SignetTraining

/// How each batch is cut, and shared out among processes.
struct ShardOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Parts that each batch is computed in. The bits of a run depend on them, but not on how many processes share them out. If not given: as many as processes, and 2 at least with --sync-batchnorm.",
      valueName: "count"))
  var shards: Int?

  @Flag(
    name: .customLong("sync-batchnorm"),
    help: "Measure BatchNorm's statistics on the whole batch, not on each shard of it.")
  var syncBatchNorm = false

  func validate() throws {
    if let shards, !(1...65536).contains(shards) {
      throw ValidationError("--shards \(shards): give a number from 1 to 65536")
    }
  }

  /// Refuses fewer shards than processes; in a command's `validate()`, once it is known that these can be connected.
  func checkSuffice() throws {
    if let shards, shards < Launch.current.ranks {
      throw ValidationError(
        "--shards \(shards): each of the \(Launch.current.ranks) processes needs one; give \(Launch.current.ranks) or more"
      )
    }
  }

  /// The shards of a new run.
  func count(ranks: Int, batchSize: Int) -> Int {
    shards ?? max(ranks, syncBatchNorm ? min(2, batchSize) : 1)
  }
}

extension Ranks {
  /// How this rank computes a run's batches; nil if they are not cut.
  func group(_ configuration: RunConfiguration) throws -> ShardGroup? {
    let shards = configuration.shards ?? 1
    guard shards > 1 || count > 1 else { return nil }
    return try ShardGroup(
      shards: shards, synchronizesNorm: configuration.syncBatchNorm ?? false, collective: collective,
      build: SignetCommand.configuration.version)
  }

  /// The checkpoint of a run that is to be resumed: the first rank reads it, and sends it to the others.
  func checkpoint(of folder: RunFolder, tell: (String) -> Void) throws -> Checkpoint {
    guard count > 1 else { return try folder.checkpoint(tell: tell) }
    let bytes = isFirst ? try folder.checkpoint(tell: tell).encoded() : []
    return try Checkpoint(bytes: try collective.broadcast(bytes), path: folder.checkpointPath)
  }
}
