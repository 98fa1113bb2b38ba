// SPDX-License-Identifier: Apache-2.0

import Foundation
import SignetData
import Testing

/// Oracle: the same batches made by `BatchLoader` on the spot.
@Suite struct BatchPrefetcherTests {
  @Test(arguments: [false, true], [Augmentation(), Augmentation(padding: 1, flip: true)])
  func batchesAreThoseOfTheLoader(dropLast: Bool, augmentation: Augmentation) throws {
    let loader = try BatchLoaderTests.loader(count: 61, dropLast: dropLast, augmentation: augmentation)
    for epoch in 0..<3 {
      let prefetcher = BatchPrefetcher(loader: loader, epoch: epoch)
      let order = loader.order(epoch: epoch)
      var batch = 0
      while let next = try prefetcher.next() {
        let (inputs, labels) = try BatchLoaderTests.fill(loader, batch, order, epoch: epoch)
        #expect(Array(next.inputs) == inputs)
        #expect(next.labels == labels)
        #expect(next.count == labels.count)
        batch += 1
      }
      #expect(batch == loader.batchesPerEpoch)
      #expect(try prefetcher.next() == nil, "the end stays the end")
    }
  }

  @Test func keptBatchesAreNotOverwritten() throws {
    let loader = try BatchLoaderTests.loader(count: 61)
    var prefetcher: BatchPrefetcher? = BatchPrefetcher(loader: loader, epoch: 2)
    var kept: [Batch] = []
    while let batch = try prefetcher?.next() { kept.append(batch) }
    prefetcher = nil
    let order = loader.order(epoch: 2)
    for (number, batch) in kept.enumerated() {
      #expect(try Array(batch.inputs) == BatchLoaderTests.fill(loader, number, order, epoch: 2).0)
    }
  }

  @Test func startsWithinAnEpoch() throws {
    let loader = try BatchLoaderTests.loader(count: 61)
    let prefetcher = BatchPrefetcher(loader: loader, epoch: 1, firstBatch: 5)
    let order = loader.order(epoch: 1)
    #expect(try prefetcher.next()?.labels == BatchLoaderTests.fill(loader, 5, order, epoch: 1).1)
    let past = BatchPrefetcher(loader: loader, epoch: 1, firstBatch: 99)
    #expect(try past.next() == nil)
  }

  @Test func batchesLargerThanTheDataTakeNoMoreMemory() throws {
    let loader = try BatchLoaderTests.loader(count: 3, batchSize: 1 << 50)
    let prefetcher = BatchPrefetcher(loader: loader, epoch: 0)
    #expect(try prefetcher.next()?.count == 3)
    #expect(try prefetcher.next() == nil)
  }

  @Test func droppedPrefetchersLeaveNoThreads() throws {
    let loader = try BatchLoaderTests.loader(count: 61)
    for number in 0..<400 {
      let prefetcher = BatchPrefetcher(loader: loader, epoch: number)
      if number.isMultiple(of: 2) { _ = try prefetcher.next() }
    }
    #if os(Linux)
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("Threads:") })
    let threads = try #require(Int(line.dropFirst(8).filter(\.isNumber)))
    // Dispatch's own pool stays below this; a thread for each prefetcher would not.
    #expect(threads < 200)
    #endif
  }
}
