package dev.bantam.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command line: what it prints, and its exit codes. */
class MainTest {
  private final PrintStream systemOut = System.out;
  private final PrintStream systemErr = System.err;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @BeforeEach
  void capture() {
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  @AfterEach
  void release() {
    System.setOut(systemOut);
    System.setErr(systemErr);
  }

  private void expect(int code, String said, String... arguments) {
    err.reset();
    assertEquals(code, Main.run(arguments), () -> err.toString(StandardCharsets.UTF_8));
    final String text = err.toString(StandardCharsets.UTF_8);
    assertTrue(text.contains(said), text);
  }

  @Test
  void printsOneLineACase() {
    expect(
        0,
        "",
        "encoder",
        "--model=all-minilm-l6-v2",
        "--case=1x4",
        "--seconds=0.01",
        "--warm-up=0",
        "--quiet");
    final String[] lines = out.toString(StandardCharsets.UTF_8).split("\n");
    assertEquals(1, lines.length);
    assertTrue(lines[0].startsWith("{\"bench\":\"encoder\",\"case\":\"all-minilm-l6-v2 1x4\""));
    assertEquals("", err.toString(StandardCharsets.UTF_8));
  }

  @Test
  void helpListsTheBenchmarks() {
    expect(0, "", "--help");
    final String help = out.toString(StandardCharsets.UTF_8);
    assertTrue(help.contains("bantam bench") && help.contains("encoder"), help);
    assertTrue(help.contains("train") && help.contains("onnx"), help);
  }

  @Test
  void wrongCommandLines() {
    expect(2, "Name a benchmark");
    expect(2, "sideways", "sideways");
    expect(2, "'7y9'", "encoder", "--case", "7y9");
    expect(2, "--seconds", "train", "--seconds", "0");
    expect(2, "--warm-up", "encoder", "--warm-up", "NaN");
    expect(2, "equal lengths", "train", "--case", "real-text");
    expect(2, "equal lengths", "onnx", "--case", "real-text");
  }

  @Test
  void missingInput(@TempDir Path folder) throws IOException {
    expect(4, "There is no model 'all-minilm'", "encoder", "--model", "all-minilm");
    expect(4, "config.json", "train", "--model", folder.toString());
    Files.writeString(folder.resolve("tokenizer.json"), "{}");
    final Path damaged = Files.writeString(folder.resolve("damaged.onnx"), "no graph");
    expect(4, "damaged.onnx", "encoder", "--model", damaged.toString());
    expect(4, "train.tsv", "onnx", "--stsb", folder.toString());
  }
}
