package dev.bantam.reader;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The examples of docs/formats.md: their bytes are taken from the document, the values are those
 * that its sentences give.
 */
class DocumentExamplesTest {
  private static final Pattern BLOCK = Pattern.compile("```\n((?:(?:\\.\\w+)? ?\\w+\\[.*\n)+)```");
  private static final Pattern LINE = Pattern.compile("(\\.\\w+)? ?(\\w+)\\[([0-9,]*)] (.*)");

  /** In the order of the document: attributes, then values. */
  private static final String[][] EXAMPLES = {
    {"form=dense", "1 -2"},
    {"form=bitmask-sparse shape=2,10", "0 1.5 0 0 0 0 0 0 2 0 0 0 0 -3 0 0 0 0 0 4"},
    {"form=bitmask-sparse shape=1,8 run=2", "0 0 1 2 0 0 3 0"},
    {"form=index-sparse shape=2,10 gap-bits=3", "0 1.5 0 0 0 0 0 0 2 0 0 0 0 -3 0 0 0 0 0 4"},
    {"form=n-of-m shape=1,8 n=2 m=4", "0 1 0 2 3 0 0 0"},
    {"form=grouped shape=1,5 bits=4 group=1,5 zero=none", "-4 -0.5 0 0.5 3.5"},
    {"form=grouped shape=3,2 bits=4 group=1,2 zero=integer", "0 0.5 0 9 0 -22"},
    {"form=grouped shape=2,4 bits=2 group=2,4 zero=offset", "-1 -0.5 0 0.5 0.5 0 -0.5 -1"},
    {"form=sparse-grouped shape=1,5 bits=4 group=1,5 zero=none", "-4 -0.5 0 0.5 3.5"},
    {"form=binary shape=1,9 group=1,9", "0.5 -0.5 -0.5 0.5 0.5 -0.5 0.5 -0.5 0.5"},
    {"form=ternary shape=1,6 group=1,6", "-0.5 0 0.5 0.5 0 -0.5"},
  };

  @TempDir Path temp;

  @Test
  void everyExampleRestoresWhatItsSentenceSays() throws IOException {
    final Path document = Path.of("../../docs/formats.md");
    final Matcher block = BLOCK.matcher(Files.readString(document).replace("\r\n", "\n"));
    final Set<Form> seen = new HashSet<>();
    int examples = 0;
    while (block.find()) {
      assertTrue(examples < EXAMPLES.length, "an example more than this test knows");
      final SampleFile file = new SampleFile().tensor("w", EXAMPLES[examples][0]);
      for (final String line : block.group(1).split("\n")) {
        final Matcher entry = LINE.matcher(line);
        assertTrue(entry.matches(), line);
        final String suffix = entry.group(1) == null ? "" : entry.group(1);
        file.entry("w" + suffix, entry.group(2), entry.group(3), entry.group(4));
      }
      final String[] numbers = EXAMPLES[examples][1].split(" ");
      final float[] expected = new float[numbers.length];
      for (int i = 0; i < numbers.length; i++) {
        expected[i] = Float.parseFloat(numbers[i]);
      }
      try (PackedModel model =
          PackedModel.open(file.packed(temp.resolve(Integer.toString(examples))))) {
        assertArrayEquals(expected, model.floats("w"), EXAMPLES[examples][0]);
        seen.add(model.form("w"));
      }
      examples++;
    }
    assertEquals(EXAMPLES.length, examples);
    assertEquals(Set.of(Form.values()), seen);
  }
}
