// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
import SignetTraining
import Testing

/// How the gradient of a layer's weights is shared out.
struct WeightGradientTasksTests {
  /// Oracle: each column of each tile is one task's.
  @Test(arguments: [1, 2, 3, 8, 32], [4, 12, 18, 30, 60])
  func everythingIsOneTasks(threads: Int, width: Int) {
    for (columns, filters) in [(1, 1), (18, 64), (54, 96), (150, 256), (61, 10), (1000, 1000)] {
      let tasks = WeightGradientTasks(
        columns: columns, filters: filters, threads: threads, width: width, fewest: 15)
      let tiles = (filters + Int(SK_GRADIENT_ROWS) - 1) / Int(SK_GRADIENT_ROWS)
      var owners = [Int](repeating: 0, count: columns * tiles)
      for task in 0..<tasks.count {
        let (ownColumns, ownTiles) = tasks[task]
        for column in ownColumns { for tile in ownTiles { owners[column * tiles + tile] += 1 } }
      }
      #expect(owners.allSatisfy { $0 == 1 }, "\(columns) columns, \(filters) filters")
    }
  }

  /// Where there is work for all threads, all have some, however wide a task would like to be.
  @Test(arguments: [2, 3, 4, 8])
  func noThreadIsIdle(threads: Int) {
    for (columns, filters) in [(18, 64), (36, 64), (54, 96), (64, 1024), (150, 256)] {
      for (width, fewest) in [(4, 4), (12, 4), (18, 4), (30, 15), (60, 15)] {
        let tasks = WeightGradientTasks(
          columns: columns, filters: filters, threads: threads, width: width, fewest: fewest)
        #expect(tasks.count >= min(threads, 2), "\(columns) columns, \(filters) filters, width \(width)")
        if columns >= fewest * threads {
          #expect(tasks.count >= threads, "\(columns) columns, width \(width)")
        }
      }
    }
  }

  @Test func oneThreadHasOneTask() {
    let tasks = WeightGradientTasks(columns: 150, filters: 256, threads: 1, width: 60)
    #expect(tasks.count == 1)
    #expect(tasks[0].columns == 0..<150)
    #expect(tasks[0].tiles == 0..<43)
  }

  /// Wide tasks where that leaves every thread one.
  @Test func tasksAreAsWideAsAPass() {
    let tasks = WeightGradientTasks(columns: 64, filters: 1024, threads: 2, width: 60, fewest: 15)
    #expect(tasks.count == 2)
    #expect(tasks[0].columns.count == 32)
  }
}
