// SPDX-License-Identifier: Apache-2.0

extension Method {
  /// Checks that the options are in range, and fit together.
  package func validated() throws -> Method {
    func failure(_ text: String) -> TrainingError { TrainingError(.badOption, text) }
    guard (0...4).contains(binarizations) else {
      throw failure("\(binarizations) binarizations asked for; give a number from 1 to 4")
    }
    if let bits = activationBits, !(1...4).contains(bits) {
      throw failure("activations of \(bits) bits asked for; give a number from 1 to 4")
    }
    if let bits = gradientBits, !(1...8).contains(bits) {
      throw failure("gradients of \(bits) bits asked for; give a number from 1 to 8")
    }
    guard learningRate.isFinite, learningRate > 0 else {
      throw failure("the learning rate \(learningRate) is not a positive number")
    }
    if let clip, !(clip > 0 && clip.isFinite) {
      throw failure("the clip \(clip) is not a positive number")
    }
    try checkActivations()
    if case .bipolar = regularizer, clip == nil, isBinary {
      throw failure(
        "--regularizer bipolar pushes the weights of \(name) apart without end, since nothing clips them; use l2:X or none"
      )
    }
    if scaleLayer, isBinary, lastLayer == .binary, order == .convolutionFirst {
      throw failure(
        "--scale-layer on: \(name) has BatchNorm behind its last layer, which scales already; leave it out")
    }
    return self
  }

  private func checkActivations() throws {
    func failure(_ text: String) -> TrainingError { TrainingError(.badOption, text) }
    guard binarizations == 0 || activationBits == nil else {
      throw failure(
        "activations are signs (--binarizations) or numbers of some bits (--activation-bits), not both")
    }
    guard isBinary || !binarizesActivations else {
      throw failure("binarized activations go with binary weights, but \(name) has real ones")
    }
    guard gradientBits == nil || binarizesActivations else {
      throw failure(
        "--gradient-bits goes with a method that binarizes activations, not with \(name); leave it out")
    }
    if binarizesActivations, order == .convolutionFirst, activation != .none {
      throw failure(
        "--activation \(activation.rawValue): in \(name) nothing comes between BatchNorm and the binarization of activations; leave it out"
      )
    }
    if !binarizesActivations, activation == .none {
      throw failure(
        "--activation none leaves the real activations of \(name) without any function; use relu or prelu")
    }
  }
}
