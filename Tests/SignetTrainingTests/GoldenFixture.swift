// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// A file of `Tests/Golden`: one training step, computed by an independent implementation.
struct GoldenFixture {
  let archive: TensorArchive

  init(_ name: String, file: String = #filePath) throws {
    let folder = file.split(separator: "/").dropLast(2).joined(separator: "/")
    archive = try TensorArchive(path: "/\(folder)/Golden/\(name).safetensors")
  }

  func floats(_ name: String) throws -> [Float] { try archive.floats(name) }

  func labels() throws -> [Int32] { try archive.int64s("labels").map(Int32.init) }

  func input(_ context: ComputeContext) throws -> Tensor {
    let shape = try #require(archive.tensors["input"]).shape
    return context.tensor(
      shape[0], FeatureShape(height: shape[1], width: shape[2], channels: shape[3]),
      values: try floats("input"))
  }

  /// Sets a parameter to its value before the step.
  func load(_ name: String, into parameter: Parameter) throws {
    let stored = try #require(archive.tensors["before.\(name)"])
    #expect(stored.shape == parameter.shape, "\(name)")
    parameter.value.assign(try floats("before.\(name)"))
  }

  func load(_ layer: String, into norm: inout Normalization) throws {
    try load("\(layer).scale", into: norm.scale)
    try load("\(layer).shift", into: norm.shift)
    norm.runningMean = try floats("before.\(layer).running_mean")
    norm.runningVariance = try floats("before.\(layer).running_variance")
  }

  /// Expects values to equal a tensor to 1e-4 of its largest magnitude, and to 1e-4 absolutely.
  func expect(_ name: String, _ values: [Float], sourceLocation: SourceLocation = #_sourceLocation) throws {
    expectClose(
      values.doubles, try floats(name).doubles, tolerance: 1e-4, absolute: 1e-4, name,
      sourceLocation: sourceLocation)
  }

  func expect(_ name: String, _ tensor: Tensor, sourceLocation: SourceLocation = #_sourceLocation) throws {
    try expect(name, tensor.array, sourceLocation: sourceLocation)
  }

  func expectGradient(of name: String, _ parameter: Parameter, plus decay: Float = 0) throws {
    try expect(
      "gradient.\(name)",
      zip(parameter.gradient.array, parameter.value.array).map { $0 + decay * $1 })
  }

  /// A parameter and Adam's moments after the step.
  func expectUpdated(_ name: String, _ parameter: Parameter) throws {
    try expect("after.\(name)", parameter.value.array)
    try expect("after.adam.first_moment.\(name)", parameter.first.array)
    try expect("after.adam.second_moment.\(name)", parameter.second.array)
  }

  func expectStatistics(_ layer: String, _ norm: Normalization) throws {
    try expect("after.\(layer).running_mean", norm.runningMean)
    try expect("after.\(layer).running_variance", norm.runningVariance)
  }
}
