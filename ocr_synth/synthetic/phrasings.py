"""How questions are put: task -> language -> phrasings. `{box}` and `{text}` stand for what is asked about."""

PHRASINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "transcribe": {
        "en": (
            "Transcribe all text in this image.",
            "What does this document say? Give the full text in reading order.",
            "Read the text in the picture.",
            "OCR this image.",
            "Write out every line of text you can see here.",
        ),
        "zh": ("识别图中的全部文字。", "请按阅读顺序写出图片中的文字。", "提取这张图片里的所有文本。", "图里写了什么？"),
        "ja": (
            "画像内の文字をすべて書き起こしてください。",
            "この文書の全文を読む順に書いてください。",
            "画像のテキストを抽出してください。",
        ),
        "ru": (
            "Распознай весь текст на изображении.",
            "Перепиши текст документа в порядке чтения.",
            "Что написано на этой картинке?",
        ),
        "ar": (
            "اكتب كل النص الموجود في الصورة.",
            "ما المكتوب في هذه الوثيقة؟ اكتب النص كاملا بترتيب القراءة.",
            "استخرج النص من الصورة.",
        ),
        "he": ("תמלל את כל הטקסט בתמונה.", "מה כתוב במסמך? כתוב את הטקסט המלא לפי סדר הקריאה."),
    },
    "markdown": {
        "en": (
            "Convert this document to Markdown.",
            "Transcribe the page as Markdown, with headings, lists and tables.",
            "Give the content of this image in Markdown format.",
        ),
        "zh": ("将此文档转换为 Markdown。", "请用 Markdown 格式输出图片内容，保留标题、列表和表格。"),
        "ja": ("この文書を Markdown に変換してください。", "見出し、リスト、表を含めて Markdown で書き起こしてください。"),
        "ru": ("Преобразуй документ в Markdown.", "Запиши содержимое страницы в формате Markdown: заголовки, списки, таблицы."),
        "ar": ("حوّل هذه الوثيقة إلى صيغة Markdown.", "اكتب محتوى الصفحة بصيغة Markdown مع العناوين والقوائم والجداول."),
    },
    "region": {
        "en": (
            "What text is in the region {box}?",
            "Transcribe the text inside the box {box}.",
            "Read the area {box} of the image.",
        ),
        "zh": ("区域 {box} 中的文字是什么？", "请识别方框 {box} 内的文字。"),
        "ja": ("領域 {box} の文字を読み取ってください。", "{box} の枠内には何と書かれていますか。"),
        "ru": ("Какой текст находится в области {box}?", "Распознай текст внутри рамки {box}."),
        "ar": ("ما النص الموجود في المنطقة {box}؟", "اقرأ النص داخل الإطار {box}."),
        "he": ("איזה טקסט נמצא באזור {box}?",),
    },
    "locate": {
        "en": (
            'Where is the text "{text}"? Answer with its bounding box.',
            'Locate "{text}" in the image.',
            'Give the box of "{text}" as [x1, y1, x2, y2].',
        ),
        "zh": ("“{text}”在图中的什么位置？请给出边界框。", "定位文字“{text}”。"),
        "ja": ("「{text}」は画像のどこにありますか。境界ボックスで答えてください。", "「{text}」の位置を示してください。"),
        "ru": ("Где находится текст «{text}»? Ответь рамкой.", "Найди на изображении «{text}»."),
        "ar": ("أين يوجد النص «{text}»؟ أجب بإحداثيات الإطار.", "حدد موقع «{text}» في الصورة."),
        "he": ("היכן נמצא הטקסט „{text}”? ענה בתיבה תוחמת.",),
    },
    "table": {
        "en": (
            "Convert the table in this image to Markdown.",
            "Write the table as a Markdown table.",
            "Extract the table and give it in Markdown format.",
        ),
        "zh": ("将图中的表格转换为 Markdown。", "请以 Markdown 表格形式输出该表格。"),
        "ja": ("画像の表を Markdown に変換してください。", "表を Markdown 形式で書いてください。"),
        "ru": ("Преобразуй таблицу в Markdown.", "Запиши таблицу с изображения в формате Markdown."),
        "ar": ("حوّل الجدول في الصورة إلى صيغة Markdown.", "اكتب الجدول بصيغة Markdown."),
    },
}
