// SPDX-License-Identifier: Apache-2.0

import Signet

/// Images and labels of one step.
package struct TrainingBatch {
  package var inputs: UnsafeBufferPointer<Float>
  package var labels: [Int32]
  /// Images of the step on all ranks; these are one rank's.
  package var wholeCount: Int

  package init(inputs: UnsafeBufferPointer<Float>, labels: [Int32], wholeCount: Int? = nil) {
    self.inputs = inputs
    self.labels = labels
    self.wholeCount = wholeCount ?? labels.count
  }
}

/// What one step did.
package struct StepResult: Sendable {
  /// Counted from 1 over the whole run.
  package let step: Int
  package let loss: Double
  package let learningRate: Float
  package let signChanges: [SignChange]
  package let images: Int
  package let correct: Int
}

/// A network in training with everything that its next step depends on.
package struct Trainer: Sendable {
  package private(set) var configuration: RunConfiguration
  package var network: Sequential
  package var adam = Adam()
  package var schedule: Schedule
  /// Epochs that are done.
  package private(set) var epoch = 0
  /// Of the epoch that is not done yet.
  package private(set) var progress = EpochProgress()
  /// The step that the last checkpoint was saved at.
  package var savedStep = 0
  /// Who the run learns from, if its configuration says so.
  private var teacher: Teacher?
  /// Where a batch is cut into shards: the network of each.
  private var shardNetworks: ShardNetworks?

  package var isFinished: Bool { epoch >= configuration.epochs }

  /// Steps that are done.
  package var step: Int { adam.step }

  /// A run from its beginning.
  package init(_ configuration: RunConfiguration, stepsPerEpoch: Int) throws {
    self.configuration = configuration
    try configuration.checkMemory()
    network = try configuration.initialNetwork()
    schedule = Schedule(
      kind: configuration.method.schedule, initialRate: configuration.method.learningRate,
      totalSteps: configuration.epochs
        * min(stepsPerEpoch, RunConfiguration.largestCount / max(1, configuration.epochs)))
  }

  /// Continues from what a checkpoint holds.
  package init(
    _ configuration: RunConfiguration, network: Sequential, schedule: Schedule, epoch: Int,
    progress: EpochProgress, step: Int
  ) {
    self.configuration = configuration
    self.network = network
    self.schedule = schedule
    self.epoch = epoch
    self.progress = progress
    savedStep = step
    adam.step = step
  }

  /// Gives a run that learns from a teacher its own, before its first step here.
  package mutating func learn(from teacher: Teacher) throws {
    guard teacher.distillation == configuration.distillation else {
      throw TrainingError(
        .badRun, "the teacher is not the one that the run was started with; give it that")
    }
    self.teacher = teacher
  }

  /// Lets the run pass over unreadable image files from now on; up to here there were none, so that nothing else changes.
  package mutating func skipUnreadable() {
    configuration.skipUnreadable = true
  }

  /// Forward, backward and update for one batch; with a context that has a group, for this rank's images of it.
  ///
  /// - Throws: ``TrainingError`` `.notFinite` that names the layer and the step.
  package mutating func train(_ batch: TrainingBatch, on context: ComputeContext) throws -> StepResult {
    guard let inputs = batch.inputs.baseAddress, !batch.labels.isEmpty else {
      throw TrainingError(.badRun, "a batch is empty")
    }
    guard batch.inputs.count == batch.labels.count * network.input.count else {
      throw TrainingError(
        .badRun,
        "a batch has \(batch.inputs.count) values for \(batch.labels.count) images of \(network.input)")
    }
    let classes = configuration.classNames.count
    if let label = batch.labels.first(where: { !(0..<classes).contains(Int($0)) }) {
      throw TrainingError(.badRun, "label \(label) is outside the \(classes) classes; check the data")
    }
    guard configuration.distillation == nil || teacher != nil else {
      throw TrainingError(.badRun, "the run learns from a teacher, which it was not given; give it that")
    }
    let rate = schedule.rate(at: step)
    let (loss, correct) = try gradients(of: batch, from: inputs, on: context)
    let changes = try context.timed(.optimizer, of: "adam") {
      try adam.update(
        &network, learningRate: rate, regularizer: configuration.method.regularizer, on: context)
    }
    let result = StepResult(
      step: step, loss: loss, learningRate: rate, signChanges: changes, images: batch.wholeCount,
      correct: correct)
    progress.add(result)
    return result
  }

  /// Fills in the gradients.
  private mutating func gradients(
    of batch: TrainingBatch, from inputs: UnsafePointer<Float>, on context: ComputeContext
  ) throws -> (loss: Double, correct: Int) {
    let teacherLogits = try teacher.map { teacher in
      try context.timed(.forward, of: "teacher") {
        try teacher.logits(of: inputs, images: batch.labels.count, on: context)
      }
    }
    if let group = context.group {
      return try shardedGradients(of: batch, teacherLogits: teacherLogits, in: group, on: context)
    }
    // The batch outlives the step.
    let x = Tensor(images: batch.labels.count, shape: network.input, memory: Memory(borrowing: inputs))
    func forward() throws -> (logits: Tensor, tape: Sequential.Tape) {
      do {
        return try network.forward(x, phase: .training, on: context)
      } catch is NotFinite {
        throw notFinite(x, on: context)
      }
    }
    let (logits, tape) = try forward()
    let (loss, gradient, correct) = Self.loss(
      of: logits, labels: batch.labels, teacherLogits: teacherLogits, by: configuration.distillation,
      on: context)
    guard loss.isFinite else { throw notFinite(x, on: context) }
    var random = SplitMix64(seed: configuration.seed, stream: 0x2000 + UInt64(step))
    try network.backward(Gradient(gradient, key: random.next()), tape: consume tape, on: context)
    return (loss, correct)
  }

  /// The loss of logits, or what a shard's add to it.
  static func loss(
    of logits: Tensor, labels: [Int32], teacherLogits: PooledArray<Float>?, by distillation: Distillation?,
    batch: Int? = nil, on context: ComputeContext
  ) -> (loss: Double, gradient: Tensor, correct: Int) {
    guard let teacherLogits, let distillation else {
      return CrossEntropy.evaluate(logits, labels: labels, batch: batch, on: context)
    }
    return distillation.evaluate(
      logits, teacher: teacherLogits, labels: labels, batch: batch, on: context)
  }

  /// The networks of this rank's shards.
  mutating func networks(in group: ShardGroup) -> ShardNetworks {
    if let shardNetworks, shardNetworks.belong(to: network, in: group) { return shardNetworks }
    let networks = ShardNetworks(network, group: group)
    shardNetworks = networks
    return networks
  }

  /// Goes on with batches in so many shards.
  package mutating func cut(into shards: Int) throws {
    if step > configuration.earlierShards?.last?.untilStep ?? 0 {
      configuration.earlierShards =
        (configuration.earlierShards ?? []) + [
          EarlierShards(shards: configuration.shards ?? 1, untilStep: step)
        ]
    }
    configuration.shards = shards
    configuration = try configuration.validated()
  }

  /// Goes over to the next epoch after the last step of one, whose images had this mean loss.
  package mutating func endEpoch(loss: Double) {
    schedule.epochEnded(loss: loss)
    epoch += 1
    progress = EpochProgress()
  }

  private func notFinite(_ x: Tensor, on context: ComputeContext) -> TrainingError {
    notFinite(Self.firstBadLayer(of: network, x, on: context) ?? "loss")
  }

  /// Finds the first layer whose results are not finite; nil if all are.
  static func firstBadLayer(of network: Sequential, _ x: Tensor, on context: ComputeContext) -> String? {
    // A forward pass in training depends on parameters alone, not on what the failed one averaged.
    var network = network
    var finite = 0
    // The error itself is not needed: what matters is which layer it stops at.
    _ = try? network.forward(x, phase: .training, on: context) { _, _, output in
      guard context.plain(output).values.allSatisfy(\.isFinite) else { throw NotFinite() }
      finite += 1
    }
    return finite < network.layers.count ? network.layers[finite].name : nil
  }

  func notFinite(_ layer: String) -> TrainingError {
    TrainingError(
      .notFinite,
      "layer “\(layer)” gave values that are not finite at step \(step + 1); lower the learning rate (now \(schedule.rate(at: step))); the last checkpoint is good\(savedStep == 0 ? ", but untrained: start a new run" : "")"
    )
  }

  /// The compact model of the network as it is now: its file's bytes.
  package func compactModel() throws -> [UInt8] {
    try network.compactModel(
      name: configuration.network.title, method: configuration.method.name,
      preprocessing: configuration.preprocessing, classNames: configuration.classNames)
  }
}
