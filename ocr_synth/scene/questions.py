"""How scene text is asked for: task -> language -> phrasings. `{box}` and `{text}` stand for what is asked about."""

PHRASINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "transcribe": {
        "en": (
            "Read all the text in this picture and give the box of each line.",
            "What is written in this image? List every line with its bounding box.",
            "Find every piece of text in the photo. For each, write the text and its box [x1, y1, x2, y2].",
            "Detect and recognise the text in the image.",
        ),
        "zh": (
            "识别图中的所有文字，并给出每行文字的边界框。",
            "图片里写了什么？请逐行列出文字及其位置。",
            "检测并识别图像中的文本。",
        ),
    },
    "read": {
        "en": (
            "What does the text at {box} say?",
            "Read the text inside the box {box}.",
            "What is written in the region {box} of this picture?",
            "Recognise the text in {box}.",
        ),
        "zh": ("{box} 处的文字是什么？", "请读出方框 {box} 内的文字。", "识别区域 {box} 中的文本。"),
    },
    "locate": {
        "en": (
            'Where in the picture does it say "{text}"?',
            'Find the text "{text}" and give its bounding box.',
            'Locate "{text}" in the image as [x1, y1, x2, y2].',
            'Give the box around the words "{text}".',
        ),
        "zh": ("图中哪里写着“{text}”？", "请给出文字“{text}”的边界框。", "在图像中定位“{text}”。"),
    },
}
