package dev.bantam.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JoinTest {
  @TempDir Path folder;

  private RunFolder run(String name, CellRecord... records) throws Exception {
    return RunFolder.read(Samples.write(folder.resolve(name), List.of(records)));
  }

  private static CellRecord of(String experiment, String variant, long seed, double value) {
    final CellId id = new CellId(experiment, "mini", "words", variant, seed, 1, "dev");
    return Samples.ok(id, value, 1000);
  }

  @Test
  void equalCellsAreMerged() throws Exception {
    final RunFolder one = run("one", Samples.ok("dense", 1, 0.8), Samples.ok("a", 1, 0.4));
    final RunFolder two = run("two", Samples.ok("dense", 1, 0.8), Samples.ok("b", 1, 0.2));
    final List<SummaryRow> rows = Summary.of(JoinedCells.of(List.of(one, two))).rows();
    assertEquals(List.of("dense", "a", "b"), rows.stream().map(SummaryRow::variant).toList());
    assertEquals(1, rows.get(0).n());
    assertEquals(0.25, rows.get(2).recovery().getAsDouble());
  }

  @Test
  void differentValuesOfOneCellAreRefusedByName() throws Exception {
    final RunFolder one = run("one", Samples.ok("dense", 7, 0.8));
    final RunFolder two = run("two", Samples.ok("dense", 7, 0.81));
    final BantamException e =
        assertThrows(BantamException.class, () -> JoinedCells.of(List.of(one, two)));
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    for (String part : List.of("tiny / mini / words / dense", "seed 7", "one/cells", "two/cells")) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
  }

  @Test
  void splitsDoNotMix() throws Exception {
    final RunFolder one = run("one", Samples.ok("dense", 1, 0.8));
    final CellId test = new CellId("other", "mini", "words", "dense", 1, 1, "test");
    final RunFolder two = run("two", Samples.ok(test, 0.8, 1000));
    final BantamException e =
        assertThrows(BantamException.class, () -> JoinedCells.of(List.of(one, two)));
    assertTrue(e.getMessage().contains("[dev, test]"), e.getMessage());
  }

  @Test
  void aDenseModelThatExperimentsShareIsOneRow() throws Exception {
    final RunFolder one = run("one", of("prune-a", "dense", 1, 0.8), of("prune-a", "x", 1, 0.4));
    final RunFolder two =
        run(
            "two",
            of("prune-b", "dense", 1, 0.8),
            of("prune-b", "dense", 2, 0.5),
            of("prune-b", "y", 2, 0.4));
    final List<SummaryRow> rows = Summary.of(JoinedCells.of(List.of(one, two))).rows();
    // the one with both seeds stays; y is compared with its own dense model
    assertEquals(
        List.of("prune-b dense 2", "prune-a x 1", "prune-b y 1"),
        rows.stream().map(r -> r.experiment() + " " + r.variant() + " " + r.n()).toList());
    assertEquals(0.5, rows.get(1).recovery().getAsDouble());
    assertEquals(0.8, rows.get(2).recovery().getAsDouble(), 1e-15);
  }

  @Test
  void variantsOfOneNameThatDifferKeepARowEach() throws Exception {
    final RunFolder one = run("one", of("a", "dense", 1, 0.8));
    final RunFolder two = run("two", of("b", "dense", 1, 0.7));
    final Summary summary = Summary.of(JoinedCells.of(List.of(one, two)));
    assertEquals(2, summary.rows().size());
    final Section section = Section.of(summary).get(0);
    assertEquals("dense (a)", section.name(section.rows().get(0)));
    assertEquals("dense (b)", section.name(section.rows().get(1)));
  }

  @Test
  void halfDoneCellsAreIgnored() throws Exception {
    final Path path = folder.resolve("run");
    Samples.write(path, List.of(Samples.ok("dense", 1, 0.8), Samples.ok("a", 1, 0.8)));
    Files.delete(path.resolve("cells/a-s1-d1/result.json"));
    final RunFolder run = RunFolder.read(path);
    assertEquals(1, run.cells().size());
    assertEquals(List.of("a-s1-d1"), run.unfinished());
  }

  @Test
  void missingAndDamagedFilesAreNamed() throws Exception {
    final Path path = folder.resolve("run");
    for (String file :
        List.of("manifest.json", "experiment.resolved.yaml", "cells/dense-s1-d1/result.json")) {
      Samples.write(path, List.of(Samples.ok("dense", 1, 0.8)));
      RunFolder.read(path);
      if (file.startsWith("cells")) {
        Files.writeString(path.resolve(file), "{");
      } else {
        Files.delete(path.resolve(file));
      }
      final BantamException e = assertThrows(BantamException.class, () -> RunFolder.read(path));
      assertEquals(ExitCode.BAD_INPUT, e.exitCode());
      assertTrue(e.getMessage().contains(path.resolve(file).toString()), e.getMessage());
    }
    final BantamException e =
        assertThrows(BantamException.class, () -> RunFolder.read(folder.resolve("none")));
    assertTrue(e.getMessage().contains("manifest.json"), e.getMessage());
  }

  @Test
  void titlesOfJoinedExperiments() throws Exception {
    final RunFolder one = run("one", of("pruning-small", "dense", 1, 0.8));
    final RunFolder two = run("two", of("pruning-large", "dense", 1, 0.7));
    final RunFolder three = run("three", of("bits", "dense", 1, 0.6));
    final ReportContext none = Samples.context();
    assertEquals("pruning-small", Report.of(List.of(one), none).title());
    assertEquals("pruning", Report.of(List.of(one, two), none).title());
    assertEquals("pruning-small + bits", Report.of(List.of(one, three), none).title());
    final ReportContext given = new ReportContext("Mine", "x", "1");
    assertEquals("Mine", Report.of(List.of(one, three), given).title());
  }
}
